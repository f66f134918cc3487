// The command palette: Ctrl-K opens, typing narrows, arrows choose, Enter goes.

const dialog = document.getElementById("palette");
const input = document.getElementById("palette-q");
const none = document.getElementById("palette-none");
const options = [...dialog.querySelectorAll("[role=option]")];
const shown = () => options.filter((option) => !option.hidden);

const choose = (option) => {
  for (const other of options) {
    other.setAttribute("aria-selected", String(other === option));
    other.firstElementChild.classList.toggle("chosen", other === option);
  }
  if (option) {
    input.setAttribute("aria-activedescendant", option.id);
    option.scrollIntoView({ block: "nearest" });
  } else {
    input.removeAttribute("aria-activedescendant");
  }
};

const narrow = () => {
  const words = input.value.toLowerCase().split(/\s+/);
  for (const option of options) {
    const text = option.textContent.toLowerCase();
    option.hidden = !words.every((word) => text.includes(word));
  }
  none.hidden = shown().length > 0;
  choose(shown()[0]);
};

const open = () => {
  if (dialog.open) return;
  input.value = "";
  narrow();
  dialog.showModal();
  input.focus();
};

document.addEventListener("click", (event) => {
  if (event.target.closest("[data-palette]")) open();
});

document.addEventListener("keydown", (event) => {
  if ((event.ctrlKey || event.metaKey) && !event.shiftKey && event.key.toLowerCase() === "k") {
    event.preventDefault();
    open();
  }
});

input.addEventListener("input", narrow);

input.addEventListener("keydown", (event) => {
  const all = shown();
  const at = all.findIndex((option) => option.getAttribute("aria-selected") === "true");
  const step = { ArrowDown: 1, ArrowUp: -1 }[event.key];
  if (step && all.length) {
    event.preventDefault();
    choose(all[(at + step + all.length) % all.length]);
  }
  if (event.key === "Enter" && all[at]) {
    event.preventDefault();
    all[at].firstElementChild.click();
  }
});
