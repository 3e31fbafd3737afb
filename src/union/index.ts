export { mergeLayers, nodeAt, type UnionNode, walkUnion } from './merge.ts';
