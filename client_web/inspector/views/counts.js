/** What may be counted without telling anything of anybody. A number below ten is not told, and so is not zero either. */
import { html } from "../../shared/html.js";
import { words } from "../../shared/words.js";
import { barChart } from "../chart.js";
import { dateOf, named, number, Page, pageOf, select } from "../page.js";
import { here, keepAsked } from "../route.js";

/** How far back one may look. What is kept for thirty days only is counted in thirty days only. */
const DAYS = ["30", "90"];

/** The most first; what is all together, last. @param {{name: string, count: number | null}[]} rows */
const inOrder = (rows) => [...rows.filter((row) => row.name !== "all"), ...rows.filter((row) => row.name === "all")];

class Counts extends Page {
  constructor() {
    super();
    this.addEventListener("change", (event) => {
      if (!(event.target instanceof HTMLSelectElement)) return;
      keepAsked({ days: event.target.value });
      this.update();
    });
  }

  /** @override */
  draw() {
    const days = DAYS.find((one) => one === here().asked.get("days")) ?? "30";
    return pageOf("counts", "transparency", ({ tables, from, until }) => html`<div class="filters">${select({ id: "days", label: words("counts.days"), all: "", chosen: days, choices: DAYS.map((value) => ({ value, words: words(`counts.days-${value}`) })) })}</div>
      <p class="shown">${words("counts.from", { from: dateOf(from), until: dateOf(until) })} ${words("counts.note")}</p>
      <div class="charts">${tables.map((table) => html`<div class="panel" data-key="${table.name}">${table.rows.length === 0 ? html`<h2>${named("count", table.name)}</h2><p class="second">${words("counts.none")}</p>` : barChart({
        title: named("count", table.name), what: words("counts.what"), count: words("counts.count"),
        bars: inOrder(table.rows).map((row) => ({ label: named("counted", row.name), value: row.count, words: row.count === null ? words("counts.few") : number(row.count) })),
      })}</div>`)}</div>`, `?days=${days}`);
  }
}

customElements.define("rf-counts", Counts);
