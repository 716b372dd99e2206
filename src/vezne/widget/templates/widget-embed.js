// The booking widget for any web page:
//   <script src="https://pay.example/widget/v1.js" async></script>
//   <vezne-booking key="vz_pk_…" lang="tr"></vezne-booking>
// Attributes: key, lang (en, tr), resource (one storage only), open ("tab": the payment opens in a new tab).
// Events: vezne-ready; vezne-reserved {id, status, payment_url}, which leads to the payment unless it is prevented;
// vezne-error, when the page lets nothing be shown here. It stores nothing in the browser and sets no cookies.
(() => {
  "use strict";
  const source = document.currentScript && document.currentScript.src;
  if (!source || customElements.get("vezne-booking")) return;
  const ours = new URL(source).origin;
  const texts = {
    en: { title: "Reserve storage", open: "Open the booking page" },
    tr: { title: "Depo rezervasyonu", open: "Rezervasyon sayfasını aç" },
  };
  const PATIENCE = 8000, TALLEST = 20000;

  class VezneBooking extends HTMLElement {
    static observedAttributes = ["key", "lang", "resource", "open"];

    connectedCallback() {
      this.hear = (event) => this.told(event);
      addEventListener("message", this.hear);
      this.draw();
    }

    disconnectedCallback() {
      removeEventListener("message", this.hear);
      clearTimeout(this.timer);
      this.replaceChildren();
      this.frame = null;
    }

    attributeChangedCallback(_name, before, after) {
      if (this.frame && before !== after) this.draw();
    }

    draw() {
      const key = this.getAttribute("key");
      clearTimeout(this.timer);
      if (!key) return this.replaceChildren();
      const wish = (this.getAttribute("lang") || document.documentElement.lang || "").slice(0, 2).toLowerCase();
      const page = new URL(`/widget/${encodeURIComponent(key)}`, ours);
      page.searchParams.set("origin", location.origin);
      if (texts[wish]) page.searchParams.set("lang", wish);
      for (const name of ["resource", "open"]) {
        if (this.getAttribute(name)) page.searchParams.set(name, this.getAttribute(name));
      }
      this.words = texts[wish] || texts.en;
      this.page = page.href;
      const frame = document.createElement("iframe");
      frame.title = this.words.title;
      frame.referrerPolicy = "origin";
      Object.assign(frame.style, {
        boxSizing: "border-box", display: "block", width: "100%", maxWidth: "46rem", height: "640px", margin: "0 auto",
        border: "1px solid rgb(128 128 128 / 35%)", borderRadius: "16px", colorScheme: "normal",
      });
      frame.src = page.href;
      this.frame = frame;
      this.shown = false;
      this.replaceChildren(frame);
      this.timer = setTimeout(() => this.failed(), PATIENCE);
    }

    // Only what our own page in our own frame says is heard.
    told(event) {
      if (event.origin !== ours || !this.frame || event.source !== this.frame.contentWindow) return;
      const said = event.data;
      if (!said || typeof said !== "object") return;
      if (said.vezne === "ready") {
        clearTimeout(this.timer);
        if (!this.shown) this.tell("vezne-ready", {});
        this.shown = true;
      } else if (said.vezne === "height" && said.height > 0) {
        this.frame.style.height = `${Math.min(Math.ceil(said.height) + 2, TALLEST)}px`;
      } else if (said.vezne === "reserved") {
        this.reserved(said);
      }
    }

    reserved({ id, status, payment_url: path }) {
      const there = path ? new URL(path, ours) : null;
      if (there && !/^https?:$/.test(there.protocol)) return;
      const wanted = this.tell("vezne-reserved", { id, status, payment_url: there && there.href });
      if (wanted && there && this.getAttribute("open") !== "tab") location.assign(there.href);
    }

    failed() {
      const link = document.createElement("a");
      link.href = this.page;
      link.target = "_blank";
      link.rel = "noopener";
      link.textContent = this.words.open;
      this.replaceChildren(link);
      this.frame = null;
      this.tell("vezne-error", {});
    }

    tell(name, detail) {
      return this.dispatchEvent(new CustomEvent(name, { bubbles: true, cancelable: true, detail }));
    }
  }

  customElements.define("vezne-booking", VezneBooking);
})();
