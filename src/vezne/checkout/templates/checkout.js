// Improves the checkout; everything works without it. The page is always the server's: when something has changed, it is
// asked for again.
(() => {
  "use strict";
  const SLOW = 5000, QUICK = 1500, LOOKS_BEFORE_ASKING = 5;
  let leaving = false;  // a page on its way to the provider must not be called back

  // A form is sent once: the button says what happens and takes no second click. Coming back by the back button undoes it.
  for (const form of document.querySelectorAll("form[data-once]")) {
    const button = form.querySelector("button");
    const label = form.querySelector("[data-label]");
    const before = label.innerHTML;
    form.addEventListener("submit", (event) => {
      if (form.dataset.sent) return event.preventDefault();
      form.dataset.sent = "yes";
      leaving = true;
      button.setAttribute("aria-disabled", "true");
      button.classList.add("opacity-70");
      label.textContent = form.dataset.once;
    });
    window.addEventListener("pageshow", () => {
      delete form.dataset.sent;
      leaving = false;
      button.removeAttribute("aria-disabled");
      button.classList.remove("opacity-70");
      label.innerHTML = before;
    });
  }

  const printing = document.querySelector("[data-print]");
  if (printing) {
    printing.classList.remove("hidden!");
    printing.addEventListener("click", () => window.print());
  }

  const page = document.getElementById("checkout");
  if (!page) return;

  // Somebody may pay in another tab, or the bank answer late.
  let looks = 0;
  const waiting = Boolean(page.dataset.refresh);
  const look = async () => {
    try {
      if (!document.hidden && !leaving) {
        const answer = await fetch(page.dataset.status, { cache: "no-store" });
        const changed = answer.ok && (await answer.json()).mark !== page.dataset.mark;
        if (changed && !leaving) return location.replace(page.dataset.page);
        looks += 1;
        if (waiting && !leaving && looks >= LOOKS_BEFORE_ASKING) return location.replace(page.dataset.refresh);
      }
    } catch {
      // No network: the next look may have it.
    }
    setTimeout(look, waiting ? QUICK : SLOW);
  };
  setTimeout(look, waiting ? QUICK : SLOW);

  const left = page.querySelector("[data-left]");
  if (left) {
    const end = performance.now() + Number(page.dataset.seconds) * 1000;
    const two = (number) => String(number).padStart(2, "0");
    const tick = () => {
      const seconds = Math.max(0, Math.round((end - performance.now()) / 1000));
      const minutes = Math.floor(seconds / 60);
      left.textContent = minutes < 60
        ? `${minutes}:${two(seconds % 60)}`
        : `${Math.floor(minutes / 60)}:${two(minutes % 60)}:${two(seconds % 60)}`;
      if (seconds === 0) return setTimeout(() => location.replace(page.dataset.page), 3000);
      setTimeout(tick, 1000);
    };
    page.querySelector("[data-countdown]").classList.remove("hidden");
    tick();
  }
})();
