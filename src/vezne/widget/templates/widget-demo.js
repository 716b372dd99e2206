// Writes down what the widget tells the page it stands in.
(() => {
  "use strict";
  const list = document.getElementById("events");
  let said = 0;
  for (const name of ["vezne-ready", "vezne-reserved", "vezne-error"]) {
    document.addEventListener(name, (event) => {
      if (!said) list.replaceChildren();
      said += 1;
      const line = document.createElement("li");
      line.textContent = `${name} ${JSON.stringify(event.detail)}`;
      list.append(line);
    });
  }
})();
