"use strict";
// One time under the pointer, in all charts; the values of the chart under it beside the pointer.
const data = JSON.parse(document.getElementById("data").textContent);
const tip = document.getElementById("tip");
const charts = document.querySelectorAll("svg.chart");
const cursors = document.querySelectorAll(".cursor");
const hide = () => {
  tip.hidden = true;
  cursors.forEach((cursor) => { cursor.style.opacity = 0; });
};
charts.forEach((svg) => {
  svg.addEventListener("pointermove", (event) => {
    const box = svg.getBoundingClientRect();
    const x = (event.clientX - box.left) / box.width * data.width;
    const part = (x - data.left) / (data.right - data.left);
    const bucket = Math.floor(part * data.times.length);
    if (bucket < 0 || bucket >= data.times.length) { hide(); return; }
    cursors.forEach((cursor) => {
      cursor.setAttribute("x1", x);
      cursor.setAttribute("x2", x);
      cursor.style.opacity = 0.5;
    });
    const table = document.createElement("table");
    const series = data.charts[svg.dataset.chart].filter((one) => one.values[bucket] !== null);
    for (const one of series.reverse()) {
      const row = table.insertRow();
      const name = row.insertCell();
      const key = document.createElement("i");
      key.className = one.class;
      name.append(key, one.name);
      row.insertCell().textContent = one.values[bucket];
    }
    const time = document.createElement("b");
    time.textContent = data.times[bucket];
    tip.replaceChildren(time, table);
    tip.hidden = false;
    const right = event.clientX + 18 + tip.offsetWidth > innerWidth;
    tip.style.left = (right ? event.clientX - 14 - tip.offsetWidth : event.clientX + 18) + "px";
    tip.style.top = Math.min(event.clientY + 14, innerHeight - tip.offsetHeight - 8) + "px";
  });
  svg.addEventListener("pointerleave", hide);
});
