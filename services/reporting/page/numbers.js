// Numbers as people write them, in Chinese (万, 亿) and English.

const FEN = 100;

export function writer(lang) {
  const zh = lang === "zh";
  const locale = zh ? "zh-CN" : "en-GB";
  const whole = new Intl.NumberFormat(locale, { maximumFractionDigits: 0 });
  const places = (digits) => new Intl.NumberFormat(locale, { maximumFractionDigits: digits, minimumFractionDigits: digits });
  const [none, one, two] = [places(0), places(1), places(2)];
  const plain = new Intl.NumberFormat(locale, { maximumFractionDigits: 2 });
  const three = (value) => (value >= 100 ? none : value >= 10 ? one : two).format(value);
  const clock = new Intl.DateTimeFormat(locale, { timeZone: "Asia/Shanghai", hour: "2-digit", minute: "2-digit", second: "2-digit", hourCycle: "h23" });
  const dated = new Intl.DateTimeFormat(locale, { timeZone: "Asia/Shanghai", year: "numeric", month: zh ? "numeric" : "short", day: "numeric" });

  function chinese(value) {
    const size = Math.abs(value);
    if (size < 1e4) return whole.format(value);
    const sign = value < 0 ? "-" : "";
    return size < 1e8 ? `${sign}${three(size / 1e4)} 万` : `${sign}${three(size / 1e8)} 亿`;
  }
  function english(value, prefix = "") {
    const size = Math.abs(value);
    const sign = value < 0 ? "−" : "";
    if (size < 1e6) return `${sign}${prefix}${whole.format(size)}`;
    return size < 1e9 ? `${sign}${prefix}${three(size / 1e6)} million` : `${sign}${prefix}${three(size / 1e9)} billion`;
  }
  function compact(value) {
    const size = Math.abs(value);
    const sign = value < 0 ? "−" : "";
    if (size < 1e4) return sign + whole.format(size);
    const steps = zh ? [[1e8, "亿"], [1e4, "万"]] : [[1e9, "bn"], [1e6, "m"], [1e3, "k"]];
    const [unit, name] = steps.find(([least]) => size >= least);
    const scaled = size / unit;
    return `${sign}${(scaled >= 100 ? none : one).format(scaled)}${name}`;
  }
  return {
    // Every digit: tables and titles.
    exact: (value, unit) => (unit === "fen" ? two.format(value / FEN) : whole.format(value)),
    // In tables and labels: 120.43 万, 1,204,318.
    text: (value) => (zh ? chinese(value) : whole.format(value)),
    // Before a noun in a sentence: 120.43 万人 but 1,204 人.
    noun: (value) => (zh && Math.abs(value) < 1e4 ? `${chinese(value)} ` : zh ? chinese(value) : whole.format(value)),
    // Round figures such as targets: 300 万, 3 million.
    round: (value) => (zh ? (value % 1e4 ? whole.format(value) : `${whole.format(value / 1e4)} 万`) : value % 1e6 || value < 1e6 ? whole.format(value) : `${whole.format(value / 1e6)} million`),
    roundMoney: (fen) => (zh ? `${plain.format(fen / FEN / 1e8)} 亿元` : `¥${plain.format(fen / FEN / 1e9)} billion`),
    money: (fen) => (zh ? `${chinese(fen / FEN)}${Math.abs(fen) < 1e6 ? " " : ""}元` : english(fen / FEN, "¥")),
    // In a tile: four characters or so.
    short: (value, unit) => (unit === "fen" ? compact(Math.round(value / FEN)) : compact(value)),
    // Rates: as many places as mean something.
    rate: three,
    share: (part, all) => {
      if (!all) return "–";
      const percent = (100 * part) / all;
      const written = percent !== 0 && Math.abs(percent) < 0.1 ? two : percent < 10 ? one : none;
      return `${written.format(percent)}${zh ? "%" : " %"}`;
    },
    time: (moment) => (moment ? clock.format(new Date(moment)) : "–"),
    // Day and time, for what is kept.
    dated: (moment) => (moment ? `${dated.format(new Date(moment))} ${clock.format(new Date(moment))}` : "–"),
    // Today the time alone says it; otherwise the day as well.
    when: (moment) => {
      if (!moment) return "–";
      const then = new Date(moment);
      return dated.format(then) === dated.format(new Date()) ? clock.format(then) : `${dated.format(then)} ${clock.format(then)}`;
    },
  };
}
