import { EngineError } from '../std/index.ts';
import { requireObject, requireString } from './check.ts';
import { parseStrictJson } from './strict-json.ts';

/** The file `oci-layout` at the top of every layout; image-spec image-layout.md. */
export const LAYOUT_FILE = '{"imageLayoutVersion":"1.0.0"}';

/** Checks the content of a file `oci-layout`: version 1 is what this program reads. */
export function checkLayoutFile(bytes: Uint8Array): void {
  const layout = requireObject<{ imageLayoutVersion: string }>(parseStrictJson(bytes, 'oci-layout'), 'oci-layout');
  const version = requireString(layout.imageLayoutVersion, 'oci-layout: imageLayoutVersion');
  if (!/^1\.\d+\.\d+/.test(version)) {
    throw new EngineError('NotImplemented', `OCI layout of version ${version}; this program reads version 1`);
  }
}
