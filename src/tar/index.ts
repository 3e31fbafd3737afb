export type { SparseRun, TarEntry, TarPosition, TarType } from './entry.ts';
