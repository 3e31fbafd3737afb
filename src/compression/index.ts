export { type CompressOptions, compressLayer } from './compress.ts';
export { type DecompressLimits, type DecompressOptions, decompress } from './decompress.ts';
export { type Compression, detectCompression, MAGIC_LENGTH } from './detect.ts';
