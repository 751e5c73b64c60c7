import type { Request } from 'express';
import { ABSOLUTE_FORM, originOf } from '../origin';
import type { Links } from './dialect';

/** Links to other pages of the list that a request asked for, as Express sees its address. */
export function linksOf(req: Request): Links {
  const { protocol, host } = originOf(req);
  const [target = ''] = req.originalUrl.split('?', 1);
  const query = req.originalUrl.slice(target.length + 1);
  const path = target.replace(ABSOLUTE_FORM, '');
  return {
    with(parameters) {
      const search = new URLSearchParams(query);
      for (const [name, value] of Object.entries(parameters)) {
        if (value === null) search.delete(name);
        else search.set(name, value);
      }
      const text = search.toString();
      return `${protocol}://${host}${path}${text === '' ? '' : `?${text}`}`;
    },
  };
}
