export type { AccessRecord } from './access-log.ts';
export type { AuthOptions, TokenOptions } from './auth.ts';
export { type Certificate, ensureCertificate, localNames } from './certificate.ts';
export type { CollectionOptions, CollectionReport } from './collect.ts';
export { type RegistryConfig, readRegistryConfig } from './config.ts';
export { collectFolder } from './control.ts';
export { type Account, type Credentials, credentialsOf } from './credentials.ts';
export { type ProtocolCode, ProtocolError } from './errors.ts';
export { type Fault, Faults, type FaultTarget } from './faults.ts';
export { type RegistryHandlerOptions, registryHandler } from './handler.ts';
export { hashPassword, listUsers, type PasswordFile, passwordFile, removeUser, setUser } from './htpasswd.ts';
export { defaultLimits, type Limits } from './limits.ts';
export { basicLogin, type Demand, type Login, noLogin } from './login.ts';
export { Metrics } from './metrics.ts';
export {
  type AccessRule,
  type Action,
  accessPolicy,
  type Caller,
  everybody,
  type Grant,
  type Policy,
  usersOnly,
} from './policy.ts';
export {
  createRobot,
  listRobots,
  type Robot,
  type RobotFile,
  type RobotOptions,
  removeRobot,
  robotFile,
  robotUser,
} from './robots.ts';
export type { CompiledRules, ContentRules, ImmutableRule, QuotaRule, RetentionRule } from './rules.ts';
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
export { type ExternalTokens, externalTokenLogin } from './token-login.ts';
export type { TokenServer } from './token-server.ts';
export { trustInstructions } from './trust.ts';
