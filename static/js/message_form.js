// The wizard and the pages that show a preview: merge tags go where the cursor was, the preview follows its choices,
// a long list of audiences narrows, the present step is in sight. Everything works without this by its own buttons and links.

const fields = "#fields input:not([type=hidden], [type=checkbox], [type=radio]), #fields textarea";
let last = null;

// On a phone the steps scroll sideways; the present one is in sight.
const strip = document.querySelector(".steps ol");
const present = strip?.querySelector("[aria-current]")?.parentElement;
if (present) strip.scrollLeft = present.offsetLeft - (strip.clientWidth - present.clientWidth) / 2;

document.addEventListener("focusin", (event) => {
  if (event.target.matches(fields)) last = event.target;
});

const insert = (tag) => {
  const field = last?.isConnected ? last : document.querySelector("#fields textarea");
  if (!field) return;
  field.focus();
  field.setRangeText(tag, field.selectionStart, field.selectionEnd, "end");
  field.dispatchEvent(new Event("input", { bubbles: true }));
  field.dispatchEvent(new Event("change", { bubbles: true }));
};

document.addEventListener("click", (event) => {
  const chip = event.target.closest("[data-insert]");
  if (chip) insert(chip.dataset.insert);
});

document.addEventListener("change", (event) => {
  event.target.closest("form[data-shows]")?.requestSubmit();
});

document.addEventListener("input", (event) => {
  const list = event.target.dataset.narrows;
  if (!list) return;
  const words = event.target.value.toLowerCase().split(/\s+/);
  for (const item of document.querySelectorAll(`${list} > li`)) {
    item.hidden = !words.every((word) => item.dataset.name.includes(word)) && !item.querySelector("input[value]:not([value='']):checked");
  }
});
