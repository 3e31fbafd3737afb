export { type CompressOptions, compressLayer } from './compress.ts';
export { type DecompressLimits, type DecompressOptions, decompress } from './decompress.ts';
export { type Compression, detectCompression, MAGIC_LENGTH } from './detect.ts';
export { readSpan } from './read-span.ts';
export { type ScanOptions, type SpanScan, scanSpans } from './scan-spans.ts';
export type { Span } from './span.ts';
