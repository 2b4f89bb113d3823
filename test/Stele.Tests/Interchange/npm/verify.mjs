// verify.mjs BUNDLE KEY.PEM: Sigstore's own JavaScript verifier on a bundle that was signed with a key. Prints "accepted" or why not.
import { readFileSync } from 'node:fs';
import { createPublicKey } from 'node:crypto';
import { bundleFromJSON } from '@sigstore/bundle';
import { Verifier, toSignedEntity, toTrustMaterial } from '@sigstore/verify';

const [file, pem] = process.argv.slice(2);
const nothing = { mediaType: '', certificateAuthorities: [], ctlogs: [], timestampAuthorities: [], tlogs: [] };
try {
  const bundle = bundleFromJSON(JSON.parse(readFileSync(file, 'utf8')));
  const key = createPublicKey(readFileSync(pem, 'utf8'));
  const trust = toTrustMaterial(nothing, () => ({ publicKey: key, validFor: () => true }));
  // A private ledger has neither a public log nor a time-stamping authority; the key is what counts.
  new Verifier(trust, { tlogThreshold: 0, ctlogThreshold: 0, timestampThreshold: 0 }).verify(toSignedEntity(bundle));
  console.log('accepted');
} catch (error) {
  console.log(`refused: ${error.code ?? error.name}: ${error.message}`);
  process.exit(1);
}
