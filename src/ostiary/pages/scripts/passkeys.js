"use strict";
// Passkeys of the pages: makes one, or proves one, and sends the form in which its box is. Without this script the form
// still takes a password.
(() => {
  const box = document.querySelector("[data-passkey]");
  if (!box) return;
  if (!window.PublicKeyCredential) {
    box.hidden = true;
    return;
  }
  const form = box.closest("form"), button = box.querySelector("button"), refused = box.querySelector("[role=alert]");
  const creates = box.dataset.passkey === "create", options = JSON.parse(box.dataset.options);
  let waiting = new AbortController();

  const bytes = (text) =>
    Uint8Array.from(atob(text.replace(/-/g, "+").replace(/_/g, "/")), (one) => one.charCodeAt(0));
  const text = (buffer) => {
    let raw = "";
    for (const one of new Uint8Array(buffer)) raw += String.fromCharCode(one);
    return btoa(raw).replace(/\+/g, "-").replace(/\//g, "_").replace(/=+$/, "");
  };
  const described = (list) => (list || []).map((one) => ({ ...one, id: bytes(one.id) }));

  const asked = () => {
    const read = { ...options, challenge: bytes(options.challenge) };
    if (!creates) return { ...read, allowCredentials: described(options.allowCredentials) };
    const user = { ...options.user, id: bytes(options.user.id) };
    return { ...read, user, excludeCredentials: described(options.excludeCredentials) };
  };

  const answer = (credential) => {
    const given = credential.response, response = {};
    for (const name of ["clientDataJSON", "attestationObject", "authenticatorData", "signature", "userHandle"])
      if (given[name]) response[name] = text(given[name]);
    if (given.getTransports) response.transports = given.getTransports();
    const rest = { clientExtensionResults: credential.getClientExtensionResults(), response };
    return JSON.stringify({ id: credential.id, rawId: text(credential.rawId), type: credential.type, ...rest });
  };

  const send = (credential) => {
    if (!creates) for (const field of form.elements) field.disabled = field.type !== "hidden";
    if (form.elements.step) form.elements.step.value = box.dataset.step;
    const field = Object.assign(document.createElement("input"), { type: "hidden", name: "credential" });
    field.value = answer(credential);
    form.append(field);
    form.submit();
  };

  const ask = async () => {
    waiting.abort();
    waiting = new AbortController();
    refused.hidden = true;
    try {
      const wanted = { publicKey: asked(), signal: waiting.signal };
      send(await (creates ? navigator.credentials.create(wanted) : navigator.credentials.get(wanted)));
    } catch (error) {
      if (error.name !== "AbortError") refused.hidden = false;
    }
  };

  const offer = async () => {
    if (!("conditional" in box.dataset) || !PublicKeyCredential.isConditionalMediationAvailable) return;
    if (!(await PublicKeyCredential.isConditionalMediationAvailable())) return;
    const { signal } = waiting;
    navigator.credentials.get({ publicKey: asked(), mediation: "conditional", signal }).then(send, () => {});
  };

  button.addEventListener("click", (event) => {
    event.preventDefault();
    if (form.reportValidity === undefined || !creates || form.reportValidity()) ask();
  });
  box.classList.add("usable"); // in browsers whose stylesheets do not know whether scripts run
  offer();
})();
