"use strict";
/* Tables that sort by a click on a heading, and copy themselves. Without this the page is whole. */
(function () {
  function value(cell) {
    return cell.dataset.value === undefined ? cell.textContent.trim() : cell.dataset.value;
  }

  /* What is missing comes last either way. */
  function compare(a, b, sign) {
    if (a === b) return 0;
    if (a === "") return 1;
    if (b === "") return -1;
    var x = Number(a), y = Number(b);
    if (!isNaN(x) && !isNaN(y)) return sign * (x - y);
    if (!isNaN(x)) return -1;
    if (!isNaN(y)) return 1;
    return sign * a.localeCompare(b);
  }

  function sort(table, heading) {
    var ascending = heading.getAttribute("aria-sort") !== "ascending";
    var body = table.tBodies[0], column = heading.cellIndex;
    var rows = Array.from(body.rows).map(function (row, place) {
      return { row: row, place: place, value: value(row.cells[column]) };
    });
    rows.sort(function (a, b) {
      return compare(a.value, b.value, ascending ? 1 : -1) || a.place - b.place;
    });
    rows.forEach(function (entry) { body.appendChild(entry.row); });
    Array.from(heading.parentNode.cells).forEach(function (cell) {
      cell.removeAttribute("aria-sort");
    });
    heading.setAttribute("aria-sort", ascending ? "ascending" : "descending");
  }

  /* The table as it is sorted now: its headings, then its rows. */
  function read(table) {
    var head = table.tHead.rows[table.tHead.rows.length - 1];
    var names = Array.from(head.cells).map(function (cell) {
      return cell.dataset.name === undefined ? cell.textContent.trim() : cell.dataset.name;
    });
    var rows = Array.from(table.tBodies[0].rows).map(function (row) {
      return Array.from(row.cells).map(function (cell) {
        return cell.dataset.copy === undefined ? value(cell) : cell.dataset.copy;
      });
    });
    return [names].concat(rows);
  }

  function csv(rows) {
    return rows.map(function (row) {
      return row.map(function (text) {
        return /[",\r\n]/.test(text) ? '"' + text.replace(/"/g, '""') + '"' : text;
      }).join(",");
    }).join("\n") + "\n";
  }

  function markdown(rows) {
    function line(row) {
      return "| " + row.map(function (text) {
        return text.replace(/[\\|`*_<>[\]]/g, "\\$&").replace(/\s+/g, " ");
      }).join(" | ") + " |\n";
    }
    return line(rows[0]) + "|" + rows[0].map(function () { return "---|"; }).join("") + "\n" +
      rows.slice(1).map(line).join("");
  }

  var signs = {
    "\\": "\\textbackslash{}", "~": "\\textasciitilde{}", "^": "\\textasciicircum{}",
    "&": "\\&", "%": "\\%", "$": "\\$", "#": "\\#", "_": "\\_", "{": "\\{", "}": "\\}"
  };
  function latex(rows) {
    function line(row) {
      return row.map(function (text) {
        return text === "" ? "--" : text.replace(/[\\~^&%$#_{}]/g, function (sign) { return signs[sign]; });
      }).join(" & ") + " \\\\\n";
    }
    var columns = rows[0].map(function (name, i) {
      return rows.slice(1).every(function (row) { return row[i] === "" || !isNaN(Number(row[i])); }) ? "r" : "l";
    }).join("");
    return "\\begin{tabular}{" + columns + "}\n\\hline\n" + line(rows[0]) + "\\hline\n" +
      rows.slice(1).map(line).join("") + "\\hline\n\\end{tabular}\n";
  }

  function copy(text, button) {
    function tell(said) {
      var label = button.dataset.label;
      button.textContent = said;
      setTimeout(function () { button.textContent = label; }, 1500);
    }
    function plainly() {
      var area = document.createElement("textarea");
      area.value = text;
      document.body.appendChild(area);
      area.select();
      var done = document.execCommand("copy");
      area.remove();
      tell(done ? "copied" : "not copied");
    }
    if (!navigator.clipboard) return plainly();
    navigator.clipboard.writeText(text).then(function () { tell("copied"); }, plainly);
  }

  document.querySelectorAll(".table").forEach(function (box) {
    var table = box.querySelector("table");
    var bar = document.createElement("span");
    bar.className = "copy";
    bar.append("copy as");
    [["CSV", csv], ["Markdown", markdown], ["LaTeX", latex]].forEach(function (kind) {
      var button = document.createElement("button");
      button.type = "button";
      button.textContent = button.dataset.label = kind[0];
      button.addEventListener("click", function () { copy(kind[1](read(table)), button); });
      bar.append(button);
    });
    box.insertBefore(bar, box.querySelector(".scroll"));
    Array.from(table.tHead.rows[table.tHead.rows.length - 1].cells).forEach(function (heading) {
      var button = document.createElement("button");
      button.type = "button";
      button.append.apply(button, Array.from(heading.childNodes));
      heading.append(button);
      button.addEventListener("click", function () { sort(table, heading); });
    });
  });

  window.addEventListener("beforeprint", function () {
    document.querySelectorAll("details:not(.points)").forEach(function (part) { part.open = true; });
  });
})();
