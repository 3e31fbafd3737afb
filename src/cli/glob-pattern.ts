/** A shell's pattern as find(1) reads one: `*` and `?` match slashes and leading dots too, `[a-z]` and `[!a-z]` one of a set, `\` quotes. */
export function globPattern(glob: string): RegExp {
  let source = '';
  for (let at = 0; at < glob.length; at++) {
    const character = glob[at] as string;
    const end = character === '[' ? glob.indexOf(']', at + 2) : -1;
    if (character === '*') source += '.*';
    else if (character === '?') source += '.';
    else if (end > 0) {
      const set = glob.slice(at + 1, end).replace(/^[!^]/, '');
      const isNegated = /[!^]/.test(glob[at + 1] as string);
      source += `[${isNegated ? '^' : ''}${set.replace(/[\\[\]^]/g, '\\$&')}]`;
      at = end;
    } else if (character === '\\' && at + 1 < glob.length) source += escaped(glob[++at] as string);
    else source += escaped(character);
  }
  return new RegExp(`^${source}$`, 's');
}

function escaped(character: string): string {
  return character.replace(/[\\^$.*+?()[\]{}|/-]/, '\\$&');
}
