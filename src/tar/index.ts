export { encodeEntry, endOfArchive, paddingOf, storedSizeOf } from './encode.ts';
export type { SparseRun, TarEntry, TarPosition, TarType } from './entry.ts';
export { type TarHandler, type TarLimits, type TarParser, tarParser } from './parser.ts';
export { readTar, type TarMember } from './read.ts';
export { type TarInput, writeTar } from './write.ts';
