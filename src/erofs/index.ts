export { isMappable } from './chunks.ts';
export type { ErofsData, ErofsEntry, ErofsType } from './entry.ts';
export { type ErofsOptions, writeErofs } from './write.ts';
