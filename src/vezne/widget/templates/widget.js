// Improves the widget's page; the form works without it, unless a puzzle is to be solved.
(() => {
  "use strict";
  const parent = document.body.dataset.parent;
  const tell = (said) => {
    if (parent && window.parent !== window) window.parent.postMessage(said, parent);
  };

  // The frame is as tall as its content.
  const measure = () => tell({ vezne: "height", height: document.documentElement.offsetHeight });
  new ResizeObserver(measure).observe(document.documentElement);
  tell({ vezne: "ready" });
  measure();

  const outcome = document.getElementById("problems") || document.getElementById("outcome");
  if (outcome) outcome.focus();

  const { reserved, status, pay } = document.body.dataset;
  if (reserved) tell({ vezne: "reserved", id: reserved, status, payment_url: pay || null });

  document.querySelector("[data-no-script]")?.remove();
  const form = document.getElementById("reserve");
  if (!form) return;

  // The last day follows the first.
  const first = form.elements.checkin_date, last = form.elements.checkout_date;
  const follow = () => {
    if (!first.value) return;
    const next = new Date(`${first.value}T00:00:00Z`);
    if (Number.isNaN(next.getTime())) return;
    next.setUTCDate(next.getUTCDate() + 1);
    last.min = next.toISOString().slice(0, 10);
  };
  first.addEventListener("change", follow);
  follow();

  // altcha's proof of work: the number whose hash with the salt is the challenge. It is begun when somebody begins to write.
  const bytes = new TextEncoder();
  const hex = (buffer) => Array.from(new Uint8Array(buffer), (byte) => byte.toString(16).padStart(2, "0")).join("");
  const AT_ONCE = 500;
  const solve = async ({ algorithm, challenge, maxnumber, salt, signature }) => {
    for (let start = 0; start <= maxnumber; start += AT_ONCE) {
      const numbers = Array.from({ length: AT_ONCE }, (_, index) => start + index);
      const hashes = await Promise.all(numbers.map((n) => crypto.subtle.digest(algorithm, bytes.encode(salt + n))));
      const place = hashes.findIndex((hash) => hex(hash) === challenge);
      if (place >= 0) return btoa(JSON.stringify({ algorithm, challenge, number: start + place, salt, signature }));
      await new Promise((done) => setTimeout(done)); // the page stays alive meanwhile
    }
    return "";
  };
  let solving = null;
  const begin = () => {
    solving ??= form.dataset.challenge ? solve(JSON.parse(form.dataset.challenge)) : Promise.resolve(null);
    return solving;
  };
  form.addEventListener("focusin", begin, { once: true });

  // Sent once: the button says what happens and takes no second click.
  const button = form.querySelector("button[type=submit]");
  const label = form.querySelector("[data-label]");
  const spoken = form.querySelector("[data-status]");
  const before = label.textContent;
  const say = (text) => {
    label.textContent = text;
    spoken.textContent = text;
  };
  let sent = false;
  form.addEventListener("submit", async (event) => {
    event.preventDefault();
    if (sent) return;
    sent = true;
    button.setAttribute("aria-disabled", "true");
    if (form.dataset.challenge) {
      say(form.dataset.proving);
      try {
        form.elements.captcha.value = (await begin()) || "";
      } catch {
        form.elements.captcha.value = ""; // the answer tells the guest to try again
      }
    }
    say(form.dataset.sending);
    form.submit();
  });
  window.addEventListener("pageshow", () => {
    sent = false;
    button.removeAttribute("aria-disabled");
    label.textContent = before;
    spoken.textContent = "";
  });
})();
