// Every time is shown in Org time; on demand in the reader's own zone. The choice lasts for this tab.

const CHOICE = "times";
const button = document.querySelector("[data-times]");
const org = new WeakMap();

// Day before month, as the server writes it.
const { lang } = document.documentElement;
const own = (time) =>
  new Date(time.dateTime).toLocaleString(lang === "en" ? "en-GB" : lang, {
    day: "numeric",
    month: "short",
    year: "numeric",
    hour: "2-digit",
    minute: "2-digit",
    hourCycle: "h23",
    timeZoneName: "short",
  });

const paint = (within) => {
  const mine = sessionStorage.getItem(CHOICE) === "mine";
  for (const time of within.querySelectorAll("time[datetime]")) {
    if (!org.has(time)) org.set(time, time.textContent);
    time.textContent = mine ? own(time) : org.get(time);
  }
  if (button) button.querySelector("span").textContent = mine ? button.dataset.org : button.dataset.mine;
};

button?.addEventListener("click", () => {
  sessionStorage.setItem(CHOICE, sessionStorage.getItem(CHOICE) === "mine" ? "org" : "mine");
  paint(document);
});

document.addEventListener("htmx:afterSettle", (event) => {
  if (sessionStorage.getItem(CHOICE) === "mine") paint(event.target);
});
if (sessionStorage.getItem(CHOICE) === "mine") paint(document);
