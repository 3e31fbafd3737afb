import { execFileSync } from 'node:child_process';
import { createReadStream, existsSync, mkdirSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { openEngine } from '../src/engine/index.ts';
import { commitImage, type Image } from '../src/image/index.ts';
import { CACHE, type Lab } from './lab.ts';
import { run } from './measure.ts';
import { strata } from './subjects/strata.ts';

export type InputName = 'debian' | 'many' | 'big' | 'busybox';

/** A root file system by debootstrap, as `npm run demo` makes it. */
export const DEBIAN_TAR: string = join(CACHE, '../debian-minbase.tar');

/** Packages whose trees make a layer each; about 100,000 files together. */
const MANY: readonly (readonly string[])[] = [
  ['@mui/icons-material@5'],
  ['@mui/material@5', 'date-fns@3', 'rxjs@7'],
  ['next@14', 'react@18', 'react-dom@18', 'webpack@5'],
  ['@fortawesome/fontawesome-free@6', 'core-js@3', 'lodash@4', 'ramda@0.29'],
  ['react-icons@5', '@tabler/icons@3'],
  ['googleapis@140', 'aws-sdk@2'],
  ['@angular/core@17', '@angular/common@17', '@angular/compiler@17', 'antd@5', 'typescript@5'],
  ['@babel/core@7', '@babel/preset-env@7', 'eslint@8', 'jest@29', 'vite@5', 'storybook@8'],
];

/** Makes the input `name` once, and pushes it to the lab's registry as `bench/NAME:1`. Gives its reference. */
export async function provide(lab: Lab, name: InputName): Promise<string> {
  const reference = `${lab.registry}/bench/${name}:1`;
  const root = join(lab.folder, 'inputs');
  await using engine = await openEngine({ root, insecureRegistries: [lab.registry] });
  const layers = await MAKE[name]();
  let image: Image | undefined;
  for (const layer of layers) {
    image = await commitImage(engine.store, {
      layer: createReadStream(layer, { highWaterMark: 1 << 20 }),
      config: { Cmd: ['/bin/sh'], Env: ['PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin'] },
      createdBy: 'bench',
      created: new Date(0),
      ...(image && { base: image }),
    });
  }
  if (!image) throw new Error(`input ${name} has no layers`);
  await engine.store.images.set(reference, image.target);
  const subject = strata();
  await run({ argv: [...(subject.push?.(reference).argv ?? ['false'])], env: { STRATA_ROOT: root } });
  return reference;
}

const MAKE: Readonly<Record<InputName, () => Promise<string[]>>> = {
  async debian() {
    const tar = DEBIAN_TAR;
    if (!existsSync(tar)) {
      const rootfs = join(CACHE, 'rootfs');
      rmSync(rootfs, { recursive: true, force: true });
      execFileSync('debootstrap', ['--variant=minbase', 'bookworm', rootfs, mirror()], { stdio: 'ignore' });
      execFileSync('sh', ['-c', 'rm -rf "$1"/var/cache/apt/archives/*.deb "$1"/var/lib/apt/lists/*', 'sh', rootfs]);
      tarOf(rootfs, tar);
      rmSync(rootfs, { recursive: true, force: true });
    }
    return [tar];
  },
  async many() {
    return MANY.map((packages, index) => {
      const tar = join(CACHE, `many-${index}.tar`);
      if (!existsSync(tar)) {
        const tree = join(CACHE, `many-${index}`);
        rmSync(tree, { recursive: true, force: true });
        const target = join(tree, `srv/part-${index}`);
        mkdirSync(target, { recursive: true });
        writeFileSync(join(target, 'package.json'), '{"private":true}');
        execFileSync(
          'npm',
          [
            'install',
            '--prefix',
            target,
            '--ignore-scripts',
            '--no-audit',
            '--no-fund',
            '--legacy-peer-deps',
            '--loglevel=error',
            ...packages,
          ],
          { stdio: 'ignore' },
        );
        tarOf(tree, tar);
        rmSync(tree, { recursive: true, force: true });
      }
      return tar;
    });
  },
  async big() {
    return Array.from({ length: 4 }, (_, index) => {
      const tar = join(CACHE, `big-${index}.tar`);
      if (!existsSync(tar)) {
        const tree = join(CACHE, `big-${index}`);
        mkdirSync(join(tree, 'data'), { recursive: true });
        // half random, half zeros, in 64 KiB stretches: compresses to about a half, as programs and data do
        execFileSync('sh', [
          '-c',
          `for i in $(seq 128); do head -c 1048576 /dev/urandom; head -c 1048576 /dev/zero; done > ${tree}/data/file-${index}`,
        ]);
        tarOf(tree, tar);
        rmSync(tree, { recursive: true, force: true });
      }
      return tar;
    });
  },
  async busybox() {
    const tar = join(CACHE, 'busybox.tar');
    if (!existsSync(tar)) {
      const tree = join(CACHE, 'busybox');
      mkdirSync(join(tree, 'bin'), { recursive: true });
      execFileSync('sh', [
        '-c',
        `cp "$(command -v busybox)" ${tree}/bin/busybox && cd ${tree}/bin && for a in $(./busybox --list); do [ $a = busybox ] || ln -s busybox $a; done; mkdir -p ${tree}/etc ${tree}/tmp ${tree}/root; echo root:x:0:0:root:/root:/bin/sh > ${tree}/etc/passwd`,
      ]);
      tarOf(tree, tar);
      rmSync(tree, { recursive: true, force: true });
    }
    return [tar];
  },
};

function tarOf(tree: string, tar: string): void {
  execFileSync('tar', ['-C', tree, '--numeric-owner', '--sort=name', '-cf', `${tar}.new`, '.']);
  renameSync(`${tar}.new`, tar);
}

/** The Debian mirror that this machine uses. */
function mirror(): string {
  for (const file of ['/etc/apt/sources.list', '/etc/apt/sources.list.d/debian.sources']) {
    if (!existsSync(file)) continue;
    const found = /^(?:deb(?:\s+\[[^\]]*\])?|URIs:)\s+(http\S+)/m.exec(readFileSync(file, 'utf8'));
    if (found?.[1]) return found[1];
  }
  return 'http://deb.debian.org/debian';
}
