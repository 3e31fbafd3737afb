export { syncFolder, writeFileAtomic, writeFileAtomicSync } from './atomic-file.ts';
export { entryFile } from './entry-file.ts';
export { EngineError, type ErrorCode, errorMessage, hasCode, isErrno } from './errors.ts';
export { GrowingFile, type GrowingFileHandle } from './growing-file.ts';
export { type Job, type JobContext, startJob } from './job.ts';
export { decodeName, encodeName, fsPath } from './names.ts';
export { nearest } from './nearest.ts';
export { randomHex } from './random.ts';
export { type ByteStream, counted, forEachLimited, readAll } from './streams.ts';
