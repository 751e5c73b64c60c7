import { createHash, randomBytes } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { hostname } from 'node:os';
import { join } from 'node:path';
import { VERSION } from './format';

/** Who wrote a process directory, and where whoever owns it now runs. */
export interface Host {
  readonly version: number;
  readonly writer: string;
  readonly hostname: string;
  /** Empty where the system has none. */
  readonly bootId: string;
  readonly startedAt: number;
  /** Of the process's segments: see the format. */
  readonly key: number;
}

export const HOST_FILE = 'host.json';

const UUID = '[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}';
const DIRECTORY_NAME = new RegExp(`^(${UUID})\\.(${UUID})(\\.new)?$`);
const SEGMENT_NAME = /^(\d{8,})\.seg$/;

function readBootId(): string {
  try {
    return readFileSync('/proc/sys/kernel/random/boot_id', 'utf8').trim();
  } catch {
    return '';
  }
}

export function describeHost(writer: string): Host {
  return {
    version: VERSION,
    writer,
    hostname: hostname(),
    bootId: readBootId(),
    startedAt: Date.now(),
    key: randomBytes(4).readUInt32LE(),
  };
}

export const encodeHost = (host: Host): Buffer => Buffer.from(`${JSON.stringify(host, null, 2)}\n`);

/** @returns null for what is none */
export function decodeHost(bytes: Buffer): Host | null {
  try {
    const { version, writer, hostname, bootId, startedAt, key } = JSON.parse(bytes.toString()) as Host;
    const isHost =
      [version, startedAt, key].every(Number.isFinite) &&
      [writer, hostname, bootId].every((text) => typeof text === 'string');
    return isHost ? { version, writer, hostname, bootId, startedAt, key } : null;
  } catch {
    return null;
  }
}

/** The same machine: in one run of it, whatever its containers are called, or after a reboot. */
export function isSameMachine(one: Host, other: Host): boolean {
  return (one.bootId !== '' && one.bootId === other.bootId) || one.hostname === other.hostname;
}

export interface DirectoryName {
  readonly name: string;
  readonly writer: string;
  readonly owner: string;
  /** Its owner was still making it. */
  readonly isUnfinished: boolean;
}

export const directoryName = (writer: string, owner: string): string => `${writer}.${owner}`;

export function parseDirectoryName(name: string): DirectoryName | null {
  const [, writer, owner, unfinished] = DIRECTORY_NAME.exec(name) ?? [];
  if (writer === undefined || owner === undefined) return null;
  return { name, writer, owner, isUnfinished: unfinished !== undefined };
}

export const segmentName = (number: number): string => `${String(number).padStart(8, '0')}.seg`;

export function parseSegmentName(name: string): number | null {
  const [, digits] = SEGMENT_NAME.exec(name) ?? [];
  return digits === undefined ? null : Number(digits);
}

/** Short, whatever the owner is called: the path of a socket may have about 100 bytes. */
export function socketPath(directory: string, owner: string): string {
  return join(directory, `${createHash('sha256').update(owner).digest('hex').slice(0, 16)}.sock`);
}
