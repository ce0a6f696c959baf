// The ceremony: a passkey signs what the page shows, or is made, and the form is sent. The console has no other script.
"use strict";
const bytes = (text) => Uint8Array.from(atob(text), (one) => one.charCodeAt(0));
const base64 = (buffer) => btoa(Array.from(new Uint8Array(buffer), (one) => String.fromCharCode(one)).join(""));

const sign = async (part) => {
  const { challenge, rp, credentials } = part.dataset;
  const allowed = credentials.split(" ").filter(Boolean).map((id) => ({ type: "public-key", id: bytes(id) }));
  const found = await navigator.credentials.get({
    publicKey: { challenge: bytes(challenge), rpId: rp, allowCredentials: allowed, userVerification: "required" },
  });
  return {
    credential: found.rawId,
    authenticator_data: found.response.authenticatorData,
    client_data_json: found.response.clientDataJSON,
    signature: found.response.signature,
  };
};

const make = async (part) => {
  const { challenge, rp, user, name } = part.dataset;
  const made = await navigator.credentials.create({
    publicKey: {
      challenge: bytes(challenge),
      rp: { id: rp, name: rp },
      user: { id: bytes(user), name, displayName: name },
      pubKeyCredParams: [-8, -7].map((alg) => ({ type: "public-key", alg })),
      authenticatorSelection: { userVerification: "required", residentKey: "preferred" },
      attestation: "none",
    },
  });
  return { client_data_json: made.response.clientDataJSON, attestation_object: made.response.attestationObject };
};

// Browsers say the same of a passkey that is not here, of a person who turned back, and of one who took too long.
const words = (error) => {
  if (!window.isSecureContext) return "Passkeys need an https:// address, or localhost.";
  if (error.name === "NotAllowedError")
    return "No passkey that may sign here was used: it is on another device, you turned back, or it took too long. Press the button again.";
  if (error.name === "SecurityError") return "Passkeys do not count at this address: open the console's own.";
  return error.message;
};

for (const form of document.querySelectorAll("form[data-ceremony]")) {
  form.addEventListener("submit", async (event) => {
    event.preventDefault();
    const button = form.querySelector("button"), trouble = form.querySelector("[role=alert]");
    button.disabled = true;
    trouble.textContent = "";
    try {
      for (const part of form.querySelectorAll("[data-challenge]")) {
        const found = await (part.dataset.user ? make : sign)(part);
        for (const [name, value] of Object.entries(found)) part.querySelector(`[name=${name}]`).value = base64(value);
      }
      form.submit();
    } catch (error) {
      button.disabled = false;
      trouble.textContent = `Nothing was sent. ${words(error)}`;
      button.focus();
    }
  });
}
