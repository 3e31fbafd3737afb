import { EngineError } from '../std/index.ts';
import {
  checkStringMap,
  checkStrings,
  requireArray,
  requireCount,
  requireObject,
  requireString,
  whenPresent,
  wrong,
} from './check.ts';
import { algorithmOf, DigestMismatch, digestOf, parseDigest } from './digest.ts';
import type { Descriptor, Platform } from './types.ts';

// RFC 6838 section 4.2, with parameters as some artifacts carry them.
const MEDIA_TYPE = /^[A-Za-z0-9][A-Za-z0-9!#$&^_.+-]{0,126}\/[A-Za-z0-9][A-Za-z0-9!#$&^_.+-]{0,126}(?:\s*;.*)?$/;
const BASE64 = /^(?:[A-Za-z0-9+/]{4})*(?:[A-Za-z0-9+/]{2}==|[A-Za-z0-9+/]{3}=)?$/;

/** Checks that `value` is a descriptor (image-spec descriptor.md) and gives it back, unknown fields and all. `where` names it in errors. */
export function parseDescriptor(value: unknown, where = 'descriptor'): Descriptor {
  const descriptor = requireObject<Descriptor>(value, where);
  requireMediaType(descriptor.mediaType, `${where}.mediaType`);
  const size = requireCount(descriptor.size, `${where}.size`);
  requireDigestAt(descriptor.digest, `${where}.digest`);
  whenPresent(descriptor.artifactType, `${where}.artifactType`, requireMediaType);
  whenPresent(descriptor.annotations, `${where}.annotations`, checkStringMap);
  whenPresent(descriptor.platform, `${where}.platform`, parsePlatformObject);
  whenPresent(descriptor.urls, `${where}.urls`, checkUrls);
  const checked = descriptor as Descriptor;
  if (checked.data !== undefined && checked.data !== null) checkData(checked, size, where);
  return checked;
}

/** The place in the message, the digest's own complaint after it. */
export function requireDigestAt(value: unknown, where: string): void {
  const text = requireString(value, where);
  try {
    parseDigest(text);
  } catch (error) {
    throw new EngineError('InvalidArgument', `${where}: ${(error as Error).message}`);
  }
}

export function requireMediaType(value: unknown, where: string): string {
  const text = requireString(value, where);
  if (!MEDIA_TYPE.test(text)) throw wrong(where, 'a media type (type/subtype)', value);
  return text;
}

function parsePlatformObject(value: unknown, where: string): Platform {
  const platform = requireObject<Platform>(value, where);
  requireString(platform.os, `${where}.os`);
  requireString(platform.architecture, `${where}.architecture`);
  whenPresent(platform.variant, `${where}.variant`, requireString);
  whenPresent(platform['os.version'], `${where}["os.version"]`, requireString);
  whenPresent(platform['os.features'], `${where}["os.features"]`, checkStrings);
  return platform as Platform;
}

function checkUrls(value: unknown, where: string): void {
  for (const [index, url] of requireArray(value, where).entries()) {
    if (!URL.canParse(requireString(url, `${where}[${index}]`))) throw wrong(`${where}[${index}]`, 'a URL', url);
  }
}

/** What is embedded must be what is described, or readers of `data` and readers of the blob would see two things. */
function checkData({ data, digest }: Descriptor, size: number, where: string): void {
  const text = requireString(data, `${where}.data`);
  if (!BASE64.test(text)) throw wrong(`${where}.data`, 'base64', data);
  const content = Buffer.from(text, 'base64');
  const actual = digestOf(content, algorithmOf(digest));
  if (content.length !== size) throw wrong(`${where}.data`, `${size} bytes, as its size says`, content.length);
  if (actual !== digest) throw new DigestMismatch(`${where}.data`, digest, actual);
}
