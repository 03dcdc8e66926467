// Months and days in words, as tables, axes and sentences need them.

import { lang } from "./view.js";

const short = (year, month) => new Date(Date.UTC(year, month - 1)).toLocaleString("en-GB", { month: "short", timeZone: "UTC" });
const parts = (day) => day.split("-").map(Number);

export function monthName(day) {
  const [year, month] = parts(day);
  return lang === "zh" ? `${year} 年 ${month} 月` : `${short(year, month)} ${year}`;
}

export function monthShort(day) {
  const [year, month] = parts(day);
  return lang === "zh" ? `${month} 月` : short(year, month);
}

export function dayName(day) {
  const [year, month, date] = parts(day);
  return lang === "zh" ? `${year} 年 ${month} 月 ${date} 日` : `${date} ${short(year, month)} ${year}`;
}

// The day in Shanghai of a moment.
export const dayOf = (moment) => new Date(Date.parse(moment) + 8 * 3600_000).toISOString().slice(0, 10);
export const addDays = (day, days) => new Date(Date.parse(`${day}T00:00Z`) + days * 86_400_000).toISOString().slice(0, 10);
export const daysBetween = (first, last) => Math.round((Date.parse(last) - Date.parse(first)) / 86_400_000);

export function lastDayOf(month) {
  const [year, number] = parts(month);
  return new Date(Date.UTC(year, number, 0)).toISOString().slice(0, 10);
}

export function monthsUpTo(last, count) {
  let [year, month] = parts(last);
  return Array.from({ length: count }, () => {
    const code = `${year}-${String(month).padStart(2, "0")}`;
    [year, month] = month === 1 ? [year - 1, 12] : [year, month - 1];
    return code;
  });
}
