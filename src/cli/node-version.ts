/** `engines` in package.json. */
const [OLDEST_MAJOR, OLDEST_MINOR] = [24, 15];

/** What to do about a Node that is too old; undefined for one that will do. Nothing new in its syntax: an old Node must be able to read it. */
export function complaintAboutNode(): string | undefined {
  const [major = 0, minor = 0] = process.versions.node.split('.').map(Number);
  if (major > OLDEST_MAJOR || (major === OLDEST_MAJOR && minor >= OLDEST_MINOR)) return undefined;
  return `strata: Node ${process.versions.node} is too old; install Node ${OLDEST_MAJOR}.${OLDEST_MINOR} or newer (a checkout brings its own: sh scripts/setup.sh)\n`;
}
