// What was typed into <form data-guard="key"> survives a closed page, a time-out and a failed save.
// The draft stays in this browser only, a week at most, belongs to one person, and is forgotten at sign-out.

const PREFIX = `draft:${document.body.dataset.user}:`;
const WEEK = 7 * 24 * 3600 * 1000;
const LEAVING = "draft-leaving";

const keyOf = (form) => PREFIX + form.dataset.guard;

const isText = (field) =>
  field.name && field.name !== "csrfmiddlewaretoken" && !["password", "file", "hidden", "submit"].includes(field.type);

const read = (form) =>
  [...form.elements]
    .filter(isText)
    .map((field) => [field.name, field.value, ["checkbox", "radio"].includes(field.type) ? field.checked : null]);

const write = (form, values) => {
  const left = [...values];
  for (const field of [...form.elements].filter(isText)) {
    const toggles = ["checkbox", "radio"].includes(field.type);
    const at = left.findIndex(([name, value]) => name === field.name && (!toggles || value === field.value));
    if (at < 0) continue;
    const [[, value, checked]] = left.splice(at, 1);
    if (toggles) field.checked = checked;
    else field.value = value;
  }
  form.dispatchEvent(new Event("change", { bubbles: true }));
};

const stored = (key) => {
  const text = localStorage.getItem(key);
  const draft = text && JSON.parse(text);
  if (draft && Date.now() - draft.at < WEEK) return draft;
  localStorage.removeItem(key);
  return null;
};

const forget = (form) => localStorage.removeItem(keyOf(form));

const offer = (form, draft) => {
  const box = document.getElementById("draft-offer").content.firstElementChild.cloneNode(true);
  box.querySelector("time").textContent = new Date(draft.at).toLocaleString(document.documentElement.lang, {
    dateStyle: "medium",
    timeStyle: "short",
  });
  box.addEventListener("click", (event) => {
    const choice = event.target.closest("[data-draft]")?.dataset.draft;
    if (!choice) return;
    if (choice === "restore") write(form, draft.values);
    else forget(form);
    box.remove();
    form.querySelector("input:not([type=hidden]), select, textarea")?.focus();
  });
  form.prepend(box);
};

const keep = (form) => localStorage.setItem(keyOf(form), JSON.stringify({ at: Date.now(), values: read(form) }));

document.addEventListener("input", (event) => {
  const form = event.target.closest("form[data-guard]");
  if (form?.dataset.guard) keep(form);
});

document.addEventListener("submit", (event) => {
  const form = event.target;
  if (form.matches("[data-forget-drafts]")) {
    for (const key of Object.keys(localStorage)) if (key.startsWith("draft:")) localStorage.removeItem(key);
  } else if (form.dataset.guard && event.submitter?.formTarget !== "_blank") {
    keep(form);
    sessionStorage.setItem(LEAVING, keyOf(form));
  }
});

// A form that saves itself needs no draft once the server has its text.
document.addEventListener("htmx:afterRequest", (event) => {
  const form = event.detail.elt.closest("form[data-guard][data-autosave]");
  if (form && event.detail.successful) forget(form);
});

// This script runs on pages of the console only, not on sign-in or error pages: when one opens after a submit and
// no longer shows the form, the server took it.
const left = sessionStorage.getItem(LEAVING);
sessionStorage.removeItem(LEAVING);
const forms = [...document.querySelectorAll("form[data-guard]")].filter((form) => form.dataset.guard);
if (left && !forms.some((form) => keyOf(form) === left)) localStorage.removeItem(left);

for (const form of forms) {
  const draft = stored(keyOf(form));
  if (!draft) continue;
  if (JSON.stringify(draft.values) === JSON.stringify(read(form))) forget(form);
  else offer(form, draft);
}
