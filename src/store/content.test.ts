import { contentStoreContract } from '../../test/contracts/content-store.ts';
import { temporaryStore } from '../../test/fixtures/stored-image.ts';

contentStoreContract('files', async (t) => (await temporaryStore(t)).content);
