/** Random access to a layer's bytes, wherever they are: a file, a byte range of a registry. */
export interface LayerSource {
  read(offset: number, length: number): Promise<Buffer>;
}
