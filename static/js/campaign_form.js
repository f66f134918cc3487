// Enter in a search for values must not save the whole form.
document.addEventListener("keydown", (event) => {
  if (event.key === "Enter" && event.target.matches("#picker input[type=search]")) event.preventDefault();
});

// The slider and the number of the control share are one value; moving either means a share of its own.

for (const share of document.querySelectorAll("[data-slider]")) {
  const slider = share.querySelector("input[type=range]");
  const number = share.querySelector("input:not([type=range])");
  const own = document.getElementById("id_own_control");

  const follow = (from, to) =>
    from.addEventListener("input", () => {
      to.value = from.value;
      own.checked = true;
    });

  follow(slider, number);
  follow(number, slider);
  own.addEventListener("change", () => {
    if (own.checked) number.focus();
  });
}
