// Improves the console; everything works without it.
(() => {
  "use strict";
  // A form is sent once; coming back by the back button undoes that.
  for (const form of document.querySelectorAll("form[data-once]")) {
    const button = form.querySelector("button[type=submit]");
    form.addEventListener("submit", (event) => {
      if (form.dataset.sent) return event.preventDefault();
      form.dataset.sent = "yes";
      button.setAttribute("aria-disabled", "true");
      button.classList.add("opacity-70");
    });
    window.addEventListener("pageshow", () => {
      delete form.dataset.sent;
      button.removeAttribute("aria-disabled");
      button.classList.remove("opacity-70");
    });
  }

  // The menu's strip on a narrow screen begins where one is.
  document.querySelector(".console-nav [aria-current]")?.scrollIntoView({ block: "nearest", inline: "center" });


  for (const button of document.querySelectorAll("[data-copy]")) {
    button.hidden = false;
    button.addEventListener("click", async () => {
      await navigator.clipboard.writeText(document.getElementById(button.dataset.copy).value);
      button.querySelector("[data-label]").textContent = button.dataset.copied;
    });
  }

  const scan = document.querySelector("[data-scan]");
  if (!scan || !("BarcodeDetector" in window) || !navigator.mediaDevices) return;
  // A camera that reads tickets, where the browser can read codes by itself.
  const video = scan.querySelector("video");
  const field = document.getElementById("code");
  const start = scan.querySelector("button");
  scan.hidden = false;
  start.addEventListener("click", async () => {
    const detector = new BarcodeDetector({ formats: ["qr_code"] });
    video.srcObject = await navigator.mediaDevices.getUserMedia({ video: { facingMode: "environment" } });
    video.hidden = false;
    start.hidden = true;
    await video.play();
    const look = async () => {
      const [found] = await detector.detect(video).catch(() => []);
      if (!found) return setTimeout(look, 200);
      for (const track of video.srcObject.getTracks()) track.stop();
      field.value = found.rawValue;
      field.form.requestSubmit();
    };
    look();
  });
})();
