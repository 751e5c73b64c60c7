/** Up to here a look at each character is cheaper than asking the runtime. */
const SHORT = 128;

/** Whether a text is short and of ASCII only: then it needs no escapes and has as many bytes as characters. */
export function isShortAscii(text: string): boolean {
  const { length } = text;
  if (length > SHORT) return false;
  for (let i = 0; i < length; i++) if (text.charCodeAt(i) > 127) return false;
  return true;
}
