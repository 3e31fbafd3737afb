export { type Certificate, ensureCertificate, localNames } from './certificate.ts';
export type { CollectionOptions, CollectionReport } from './collect.ts';
export { collectFolder } from './control.ts';
export { type ProtocolCode, ProtocolError } from './errors.ts';
export { type AccessRecord, type RegistryHandlerOptions, registryHandler } from './handler.ts';
export { hashPassword, listUsers, type PasswordFile, passwordFile, removeUser, setUser } from './htpasswd.ts';
export { defaultLimits, type Limits } from './limits.ts';
export { basicLogin, type Login, noLogin } from './login.ts';
export { type Action, type Caller, everybody, type Policy, usersOnly } from './policy.ts';
export type { ContentRules, ImmutableRule, QuotaRule, RetentionRule } from './rules.ts';
export { type RegistryOptions, type RunningRegistry, startRegistry } from './server.ts';
export type { Appended, BlobStorage, ByteRange, ReceiveLimits, Upload } from './storage/blobs.ts';
export type {
  Collected,
  CollectedNames,
  CollectNames,
  ManifestRecord,
  NameStorage,
  NewManifest,
  Page,
  PushRules,
  RequiredContent,
  TagRecord,
} from './storage/names.ts';
export {
  memoryRegistryStorage,
  openRegistryStorage,
  type RegistryStorage,
  temporaryRegistryStorage,
} from './storage/open.ts';
export { trustInstructions } from './trust.ts';
