// When an htmx request fails, say so in a toast: what happened, and that nothing was lost.

const toasts = document.getElementById("toasts");

const show = (text) => {
  const box = document.createElement("div");
  box.className = "note bad";
  const words = document.createElement("p");
  words.textContent = text;
  const close = document.createElement("button");
  close.className = "ask";
  close.type = "button";
  close.dataset.dismiss = "";
  close.setAttribute("aria-label", toasts.dataset.dismissLabel);
  close.textContent = "×";
  box.append(document.createElement("span"), words, close);
  toasts.replaceChildren(box);
};

document.addEventListener("htmx:sendError", () => show(toasts.dataset.lost));
document.addEventListener("htmx:timeout", () => show(toasts.dataset.lost));
document.addEventListener("htmx:responseError", (event) => {
  show(toasts.dataset.refused.replace("{code}", event.detail.xhr.status));
});

// A session that ended answers a fragment's address with the sign-in page: never swap that into a list.
document.addEventListener("htmx:beforeSwap", (event) => {
  const { xhr } = event.detail;
  if (/<body[^>]*\bclass="public"/.test(xhr.responseText)) {
    event.detail.shouldSwap = false;
    show(toasts.dataset.signedOut);
  }
});
