// Lists by keyboard: "/" goes to the search field, "j" and "k" to the next and the previous row.

const busy = (target) => target.closest("input, select, textarea, dialog, [popover]:popover-open, [contenteditable]");

const move = (step) => {
  const names = [...document.querySelectorAll("main a.name")].filter((name) => name.checkVisibility());
  const at = names.indexOf(document.activeElement);
  names[Math.max(0, Math.min(names.length - 1, at + step))]?.focus();
};

document.addEventListener("keydown", (event) => {
  if (event.ctrlKey || event.metaKey || event.altKey || busy(event.target)) return;
  if (event.key === "j") move(1);
  if (event.key === "k") move(-1);
  if (event.key === "/") {
    const search = document.getElementById("q");
    if (search) {
      event.preventDefault();
      search.focus();
    }
  }
});
