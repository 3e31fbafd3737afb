import { resolve } from 'node:path';
import type { MountOption } from '../runtime/index.ts';
import { EngineError } from '../std/index.ts';

const PROPAGATIONS = ['private', 'rprivate', 'shared', 'rshared', 'slave', 'rslave'] as const;
type Propagation = (typeof PROPAGATIONS)[number];
const isPropagation = (text: string): text is Propagation => PROPAGATIONS.some((one) => one === text);

/** `-v`: `/host:/path[:ro,z]`, `name:/path`, `/path` (an anonymous volume). A missing folder of the host is made, as docker does. */
export function parseVolume(text: string): MountOption {
  const parts = text.split(':');
  const [first = '', second, third] = parts;
  if (parts.length > 3 || first === '' || second === '')
    throw new EngineError('InvalidArgument', `-v ${text}: expected [SOURCE:]TARGET[:OPTIONS]`);
  if (second === undefined) return { type: 'volume', target: absolute(first, text), anonymous: true };
  const target = absolute(second, text);
  const options = third === undefined ? [] : third.split(',');
  const isPath = /^[./~]/.test(first);
  if (!isPath && !/^[a-zA-Z0-9][a-zA-Z0-9_.-]*$/.test(first)) {
    throw new EngineError(
      'InvalidArgument',
      `-v ${text}: ${first} is no volume name ([a-zA-Z0-9][a-zA-Z0-9_.-]*); a folder of the host begins with / or ./`,
    );
  }
  let readOnly = false;
  let noCopy = false;
  let relabel: 'shared' | 'private' | undefined;
  let propagation: Propagation | undefined;
  for (const option of options) {
    if (option === 'ro' || option === 'rw') readOnly = option === 'ro';
    else if (option === 'z' || option === 'Z') relabel = option === 'z' ? 'shared' : 'private';
    else if (option === 'nocopy') noCopy = true;
    else if (isPropagation(option)) propagation = option;
    else if (option !== 'cached' && option !== 'delegated' && option !== 'consistent')
      throw new EngineError('InvalidArgument', `-v ${text}: unknown option ${option}`);
  }
  const common = { target, ...(readOnly && { readOnly }), ...(relabel && { relabel }) };
  if (!isPath) return { type: 'volume', name: first, ...common, ...(noCopy && { noCopy }) };
  return {
    type: 'bind',
    source: resolve(first),
    createSource: true,
    ...common,
    ...(propagation && { propagation }),
  };
}

/** `--mount`: `type=bind|volume|tmpfs,source=…,target=…[,readonly]…`. A missing folder of the host is an error. */
export function parseMount(text: string): MountOption {
  const fields = new Map<string, string>();
  for (const part of text.split(',')) {
    const at = part.indexOf('=');
    fields.set((at < 0 ? part : part.slice(0, at)).trim().toLowerCase(), at < 0 ? 'true' : part.slice(at + 1));
  }
  const take = (...names: string[]): string | undefined => {
    let value: string | undefined;
    for (const name of names) {
      value = fields.get(name) ?? value;
      fields.delete(name);
    }
    return value;
  };
  const type = take('type') ?? 'volume';
  const source = take('source', 'src');
  const target = absolute(take('target', 'dst', 'destination') ?? '', text);
  const readOnly = isTrue(take('readonly', 'ro'));
  const done = (mount: MountOption): MountOption => {
    if (fields.size > 0)
      throw new EngineError(
        'InvalidArgument',
        `--mount ${text}: ${[...fields.keys()].join(', ')} is not known for type=${type}`,
      );
    return mount;
  };
  switch (type) {
    case 'bind': {
      if (source === undefined) throw new EngineError('InvalidArgument', `--mount ${text}: a bind mount needs source=`);
      const propagation = take('bind-propagation');
      if (propagation !== undefined && !isPropagation(propagation))
        throw new EngineError(
          'InvalidArgument',
          `--mount ${text}: bind-propagation is one of ${PROPAGATIONS.join(', ')}`,
        );
      const recursive = !isTrue(take('bind-nonrecursive'));
      return done({
        type,
        source: resolve(source),
        target,
        recursive,
        ...(readOnly && { readOnly }),
        ...(propagation && { propagation }),
      });
    }
    case 'volume': {
      const noCopy = isTrue(take('volume-nocopy'));
      return done({
        type,
        target,
        ...(source === undefined ? { anonymous: true } : { name: source }),
        ...(readOnly && { readOnly }),
        ...(noCopy && { noCopy }),
      });
    }
    case 'tmpfs': {
      const size = take('tmpfs-size');
      const mode = take('tmpfs-mode');
      const options = [
        ...(size === undefined ? [] : [`size=${size}`]),
        ...(mode === undefined ? [] : [`mode=${mode}`]),
        ...(readOnly ? ['ro'] : []),
      ];
      return done({ type, target, options });
    }
    default:
      throw new EngineError('InvalidArgument', `--mount ${text}: type is bind, volume or tmpfs`);
  }
}

/** `--tmpfs /path[:options]`. */
export function parseTmpfs(text: string): MountOption {
  const at = text.indexOf(':');
  const target = absolute(at < 0 ? text : text.slice(0, at), text);
  return { type: 'tmpfs', target, ...(at >= 0 && { options: text.slice(at + 1).split(',') }) };
}

function isTrue(value: string | undefined): boolean {
  return value !== undefined && !['false', '0', ''].includes(value);
}

function absolute(target: string, text: string): string {
  if (!target.startsWith('/'))
    throw new EngineError(
      'InvalidArgument',
      `${text}: ${JSON.stringify(target)} is not an absolute path in the container`,
    );
  return target;
}
