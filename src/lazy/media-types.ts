/** An artifact (image-spec manifest.md, "Guidelines for Artifact Usage") with what reading parts of an image's layers needs; its subject is the image. */
export const INDEX_TYPE = 'application/vnd.overstrata.lazy.v1';
/** A layer's table of contents, in the form that `writeTocFile` gives it. */
export const TOC_TYPE = 'application/vnd.overstrata.toc.v1+zstd';
/** Where in a layer's blob reading can begin. */
export const SPANS_TYPE = 'application/vnd.overstrata.spans.v1+zstd';
/** On both: the digest of the layer's blob. */
export const LAYER_ANNOTATION = 'org.overstrata.layer';
