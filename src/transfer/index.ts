export type { ImageSink, ImageSource, ManifestBytes, TransferEvent } from './place.ts';
