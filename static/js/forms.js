// Forms: a warning before unsaved text is left (data-guard), the state of forms that save themselves
// (data-autosave), and a file dropped on its field (data-drop).

const dirty = new Set();

document.addEventListener("input", (event) => {
  const form = event.target.closest("form[data-guard]");
  if (form && !form.hasAttribute("data-autosave")) dirty.add(form);
});

// What is shown in another tab is not saved here.
document.addEventListener("submit", (event) => {
  if (event.submitter?.formTarget !== "_blank") dirty.delete(event.target);
});

addEventListener("beforeunload", (event) => {
  if ([...dirty].some((form) => form.isConnected)) event.preventDefault();
});

const status = (form, word) => {
  const saved = document.getElementById("saved");
  if (!saved || !form) return;
  saved.textContent = saved.dataset[word];
  saved.classList.toggle("failed", word === "failed");
};

// The answer of a save brings "Saved 10:30 IST" itself; only waiting and failing are said here. A form whose last
// save failed is unsaved again.
// What a part of the form fetches for itself is no save.
const ofAutosave = (event) =>
  event.detail.requestConfig.verb === "get" ? null : event.detail.elt.closest("form[data-autosave]");

document.addEventListener("htmx:beforeRequest", (event) => status(ofAutosave(event), "saving"));

document.addEventListener("htmx:afterRequest", (event) => {
  const form = ofAutosave(event);
  if (!form) return;
  if (event.detail.successful) {
    dirty.delete(form);
  } else {
    dirty.add(form);
    status(form, "failed");
  }
});

for (const kind of ["dragover", "dragleave", "drop"]) {
  document.addEventListener(kind, (event) => {
    const area = event.target.closest?.("[data-drop]");
    if (!area) return;
    event.preventDefault();
    area.classList.toggle("over", kind === "dragover");
    if (kind === "drop" && event.dataTransfer.files.length) {
      const field = area.querySelector("input[type=file]");
      field.files = event.dataTransfer.files;
      field.dispatchEvent(new Event("change", { bubbles: true }));
    }
  });
}

// A form that saves itself leaves by its button only when its own save has been answered, and begins no other: two saves
// at once would meet as those of two people.
document.addEventListener("submit", (event) => {
  const form = event.target;
  if (event.defaultPrevented || !form.matches("[data-autosave]")) return;
  if (!form.classList.contains("htmx-request")) {
    form.dataset.leaves = "";
    return;
  }
  event.preventDefault();
  const again = () => setTimeout(() => form.requestSubmit(event.submitter));
  form.addEventListener("htmx:afterRequest", again, { once: true });
});

document.addEventListener("htmx:beforeRequest", (event) => {
  if (event.target.matches("[data-leaves]")) event.preventDefault();
});

// A second press while the first is on its way sends nothing: what it makes is made once. Last of all that may hold a
// form back.
const sent = new Set();

window.addEventListener("submit", (event) => {
  const form = event.target;
  if (event.defaultPrevented || form.method !== "post" || event.submitter?.formTarget === "_blank") return;
  if (sent.has(form)) event.preventDefault();
  else sent.add(form);
  setTimeout(() => sent.delete(form), 5000);
});

window.addEventListener("pageshow", () => {
  sent.clear();
  for (const form of document.querySelectorAll("[data-leaves]")) delete form.dataset.leaves;
});
