// Passkeys: what the browser's WebAuthn gives and takes, in the API's base64url.

/** Makes a passkey. `options` of POST /me/passkey-challenges → fields of POST /me/passkeys. */
export async function create(options) {
  const made = await navigator.credentials.create({ publicKey: PublicKeyCredential.parseCreationOptionsFromJSON(options) });
  const { clientDataJSON, attestationObject } = made.response;
  return { client_data: text(clientDataJSON), attestation: text(attestationObject) };
}

/** Shows a passkey. `options` of a challenge → fields of POST /sessions/passkey. */
export async function prove(options) {
  const shown = await navigator.credentials.get({ publicKey: PublicKeyCredential.parseRequestOptionsFromJSON(options) });
  const { clientDataJSON, authenticatorData, signature } = shown.response;
  return {
    credential_id: text(shown.rawId),
    client_data: text(clientDataJSON),
    authenticator_data: text(authenticatorData),
    signature: text(signature),
  };
}

/** Whether this browser has them. */
export const there = typeof PublicKeyCredential === "function" && "parseCreationOptionsFromJSON" in PublicKeyCredential;

function text(buffer) {
  const plain = btoa(String.fromCharCode(...new Uint8Array(buffer)));
  return plain.replaceAll("+", "-").replaceAll("/", "_").replaceAll("=", "");
}
