import { copyFileSync, mkdirSync } from 'node:fs';
import { join } from 'node:path';
import { type RunningRegistry, setUser, startRegistry } from '../../src/registry/index.ts';
import { runPeer } from '../peers.ts';
import { busyboxTar, Strata } from '../strata.ts';

const USER = 'tester';
export const PASSWORD = 'a long password';

/** Where images go round: the program with an image `base:1`, logged in to a private registry of ours over TLS, and peers that know it too. */
export class Lab implements AsyncDisposable {
  readonly strata: Strata;
  readonly registry: RunningRegistry;
  /** A folder with the registry's authority alone, as peers want it. */
  readonly certificates: string;
  /** Of a small root file system. */
  readonly tar: string;

  private constructor(strata: Strata, registry: RunningRegistry, certificates: string, tar: string) {
    this.strata = strata;
    this.registry = registry;
    this.certificates = certificates;
    this.tar = tar;
  }

  static async open(): Promise<Lab> {
    const strata = new Strata('strata-e2e-');
    const folder = join(strata.folder, 'registry');
    mkdirSync(folder);
    await setUser(join(folder, 'htpasswd'), USER, PASSWORD, { cost: 4 });
    const registry = await startRegistry({ folder, tls: 'auto', auth: { htpasswd: join(folder, 'htpasswd') } });
    const certificates = join(strata.folder, 'certificates');
    mkdirSync(certificates);
    copyFileSync(join(folder, 'tls/ca.crt'), join(certificates, 'ca.crt'));
    const lab = new Lab(strata, registry, certificates, busyboxTar(strata.folder) as string);
    try {
      await strata.run('import', '--change', 'CMD ["/bin/sh"]', lab.tar, 'base:1');
      await strata.run('registry', 'trust', '--ca', join(certificates, 'ca.crt'), registry.host);
      await lab.login();
      return lab;
    } catch (error) {
      await lab[Symbol.asyncDispose]();
      throw error;
    }
  }

  get host(): string {
    return this.registry.host;
  }

  get strataRoot(): string {
    return this.strata.env['STRATA_ROOT'] as string;
  }

  async login(): Promise<void> {
    const args = ['login', '--username', USER, '--password-stdin', this.host];
    const { code, stderr } = await this.strata.try(args, { input: PASSWORD });
    if (code !== 0) throw new Error(`login: ${stderr}`);
  }

  /** Pushes the image under another name in our registry; its digest. */
  async push(from: string, to: string): Promise<string> {
    await this.strata.run('tag', from, `${this.host}/${to}`);
    return digestIn(await this.strata.run('push', `${this.host}/${to}`));
  }

  /** A field of an image, as `--format` prints it. */
  async field(image: string, template: string): Promise<string> {
    return (await this.strata.run('image', 'inspect', '--format', template, image)).trim();
  }

  /** skopeo's options for our registry; it has a pair of them for each side of a copy. */
  access(side: '' | 'src-' | 'dest-' = ''): string[] {
    return [`--${side}creds`, `${USER}:${PASSWORD}`, `--${side}cert-dir`, this.certificates];
  }

  /** podman with storage of its own. */
  async podman(...args: string[]): Promise<string> {
    const storage = join(this.strata.folder, 'podman');
    const folders = ['--root', join(storage, 'root'), '--runroot', join(storage, 'run'), '--storage-driver', 'vfs'];
    const host = ['--cgroup-manager', 'cgroupfs', '--runtime', 'runc', '--events-backend', 'file'];
    return runPeer('podman', ...folders, ...host, ...args);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.registry.close();
    await this.strata[Symbol.asyncDispose]();
  }
}

/** What podman's run needs where our own limits are below its defaults. */
export const PODMAN_LIMITS: readonly string[] = ['--ulimit', 'nofile=1024:1024', '--ulimit', 'nproc=1000:1000'];

/** The digest that a push ends with. */
export function digestIn(output: string): string {
  const digest = /digest: (sha256:[0-9a-f]{64})/.exec(output)?.[1];
  if (!digest) throw new Error(`no digest in: ${output}`);
  return digest;
}
