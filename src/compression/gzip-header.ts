import { damaged } from './inflate.ts';

// RFC 1952, 2.3.1.
const FIXED = 10;
const HAS_CRC = 0x02;
const HAS_EXTRA = 0x04;
const HAS_NAME = 0x08;
const HAS_COMMENT = 0x10;
const RESERVED = 0xe0;
/** Names, comments and extra fields of honest files are far shorter. */
const LONGEST = 256 * 1024;

/** Bytes of the CRC and the length behind a member. */
export const TRAILER = 8;

/** How long the header is with which `bytes` begin; undefined where they end before it does. DataLoss for what is no header. */
export function gzipHeaderLength(bytes: Uint8Array): number | undefined {
  const length = measure(bytes);
  if ((length ?? bytes.length) > LONGEST) throw damaged(`a header of more than ${LONGEST} bytes`);
  return length;
}

function measure(bytes: Uint8Array): number | undefined {
  const [magic0 = 0x1f, magic1 = 0x8b, method = 8, flags] = bytes;
  if (magic0 !== 0x1f || magic1 !== 0x8b) throw damaged('no member begins where one should');
  if (method !== 8) throw damaged(`unknown method ${method}`);
  if (flags === undefined) return undefined;
  if (flags & RESERVED) throw damaged('unknown flags');
  let at: number | undefined = FIXED;
  if (flags & HAS_EXTRA)
    at = bytes.length < at + 2 ? undefined : at + 2 + ((bytes[at] ?? 0) | ((bytes[at + 1] ?? 0) << 8));
  for (const field of [HAS_NAME, HAS_COMMENT]) {
    if (at === undefined || !(flags & field)) continue;
    const zero = bytes.indexOf(0, at);
    at = zero < 0 ? undefined : zero + 1;
  }
  if (at !== undefined && flags & HAS_CRC) at += 2;
  return at !== undefined && at <= bytes.length ? at : undefined;
}
