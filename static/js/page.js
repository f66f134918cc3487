// Every page: theme, dialogs in browsers without invoker commands, first focus, dismiss and copy buttons.
// The theme lives in a cookie, so the server renders it: no flash, no inline script.

const root = document.documentElement;
root.classList.add("js");

const isDark = () =>
  root.dataset.theme ? root.dataset.theme === "dark" : matchMedia("(prefers-color-scheme: dark)").matches;

const toggleTheme = () => {
  root.dataset.theme = isDark() ? "light" : "dark";
  const secure = location.protocol === "https:" ? ";secure" : "";
  document.cookie = `theme=${root.dataset.theme};path=/;max-age=31536000;samesite=lax${secure}`;
};

const copy = async (button) => {
  await navigator.clipboard.writeText(button.dataset.copy);
  const label = button.querySelector("[data-copied]");
  const former = label.textContent;
  label.textContent = label.dataset.copied;
  setTimeout(() => {
    label.textContent = former;
  }, 2000);
};

const invoke = (button) => {
  const dialog = document.getElementById(button.getAttribute("commandfor"));
  if (button.getAttribute("command") === "show-modal" && !dialog.open) dialog.showModal();
  if (button.getAttribute("command") === "close") dialog.close();
};

const knowsCommands = "commandForElement" in HTMLButtonElement.prototype;

document.addEventListener("click", (event) => {
  const button = event.target.closest("button");
  if (!button) {
    // A click on the backdrop lands on the dialog itself.
    if (event.target.matches("dialog[open]") && outside(event.target, event)) event.target.close();
    return;
  }
  if (button.matches("[data-theme-toggle]")) toggleTheme();
  if (button.matches("[data-copy]")) copy(button);
  if (button.matches("[data-dismiss]")) button.parentElement.remove();
  if (!knowsCommands && button.hasAttribute("commandfor")) invoke(button);
});

const outside = (dialog, { clientX, clientY }) => {
  const box = dialog.getBoundingClientRect();
  return clientX < box.left || clientX > box.right || clientY < box.top || clientY > box.bottom;
};

// A failed form opens on its errors; after a swap, so does the part that was swapped in.
const focusFirst = (within) => within.querySelector("[data-focus]")?.focus();
focusFirst(document);
document.addEventListener("htmx:afterSettle", (event) => focusFirst(event.target));
