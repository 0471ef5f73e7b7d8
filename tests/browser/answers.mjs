// Answers written by hand to the contract of the tools, for what the demo's world does not hold.

const HOUR = 3_600_000, START = Date.UTC(2026, 10, 16), DAYS = 7;
const at = moment => new Date(moment).toISOString().replace(".000", "");
const window = {from_datetime: at(START), to_datetime: at(START + DAYS * 24 * HOUR)};
const base = {window, filters: {}, as_of: window.to_datetime};
const coverage = {complete: true, covered_from: window.from_datetime, covered_to: window.to_datetime, scanned: 24_310, pages: 26};
const answer = structuredContent => ({content: [{type: "text", text: "the same as text"}], structuredContent});
const SOURCES = ["samsara", "motive", "geotab", "omnitracs", "verizon_connect"], OWNERS = ["fleet", "partner", "tsp", "catena", "unknown"], TRENDS = ["rising", "falling", "steady", "stopped"];
const WORDS = ["Invalid token", "Too many requests, try again later", "Vehicle … is assigned to another terminal", "Gateway Timeout", "Field licenseNumber must match …"];

function cause(i) {
  const count = 400 - 7 * i, wrong = i % 4 === 3 ? 0 : Math.round(count / 3);
  return {
    id: `g_${(0xabc00000 + i).toString(16)}`, title: WORDS[i % 5], source_name: SOURCES[i % 5], error_type: ["auth", "tsp", "validation"][i % 3], status_code: [401, 429, 400][i % 3], count, share: .03,
    first_seen: at(START + i * HOUR), last_seen: at(START + (100 + i) * HOUR), trend: TRENDS[i % 4], affected: {records: count - 20, fleets: 5, connections: 6, resources: {vehicle: count - 100, user: 100}},
    top_fleets: ["prairie-line-logistics", "keystone-parcel", "ozark-poultry-transport"], top_connections: ["01a0b859-c29f-74c8-8eee-fa7aa8948c89"],
    outcome: {recovered: count - 20 - wrong, unresolved: wrong, unknown: 0}, retryable: [true, false, undefined][i % 3], owner: OWNERS[i % 5], advice: "The fleet signs in to the TSP again; then send again.",
    varies: [{slot: "field", top: [{value: "email", count: 81}, {value: "phone", count: 23}]}], example: {operation_id: "01a20903-1393-7e8f-a36a-0504d455a85f", connection_id: "01a0b859-c29f-74c8-8eee-fa7aa8948c89", message: WORDS[i % 5]},
  };
}

export function summary(causes, changed = {}) {
  const buckets = Array.from({length: 14}, (_, i) => ({start: at(START + i * 12 * HOUR), operations: 1500 + 400 * (i % 3), failed: 80 + 30 * (i % 5)}));
  const groups = Array.from({length: causes}, (_, i) => cause(i));
  return {
    ...answer({
      ...base, totals: {operations: 24_310, success: 21_000, failed: 3_200, pending: 110, failure_rate: .1316, retried_successes: 310, records: {failed: 2_900, recovered: 1_700, unresolved: 1_100, unknown: 100}},
      groups, other: {groups: 0, count: 0}, pending: {count: 110, oldest_created_at: at(START + 20 * HOUR), over_1h: 90, still_trying: 12}, timeline: {bucket: "12h", buckets}, coverage, ...changed,
    }),
    _meta: {"catena-ops/timelines": Object.fromEntries(groups.map((group, i) => [group.id, buckets.map((_, b) => (b * 7 + i * 3) % 23)]))},
  };
}

export const partly = () => summary(8, {coverage: {complete: false, covered_from: at(START + 100 * HOUR), covered_to: window.to_datetime, scanned: 9_000, pages: 9, note: "The read ended early: the time of one call was used up. Go on with to_datetime=2026-11-20T04:00:00Z."}});

const rates = (operations, failed) => ({operations, failed, failure_rate: failed / operations});
const records = failed => ({failed, recovered: Math.floor(failed / 2), unresolved: Math.ceil(failed / 2), unknown: 0});
const totals = {...rates(24_310, 3_200), records: records(2_900)};

export function hourByDay() {
  const rows = [];
  for (let day = 0; day < DAYS; day++)
    for (let hour = 0; hour < 24; hour++) {
      const operations = 90 + 10 * (hour % 7), calm = (hour * 5 + day * 3) % 7 === 0 ? 0 : (hour + day) % 6, failed = day === 4 && hour > 4 && hour < 9 ? 60 + hour : calm;
      rows.push({key: {hour: `${String(hour).padStart(2, "0")}`, day: at(START + day * 24 * HOUR).slice(0, 10)}, ...rates(operations, failed), records: records(failed)});
    }
  return answer({...base, by: ["hour", "day"], totals, rows, other: {rows: 0, operations: 0, failed: 0}, coverage});
}

export function byFleet() {
  const fleets = ["prairie-line-logistics", "keystone-parcel", "ozark-poultry-transport", "northwind-haulage", "desert-sun-distribution"];
  const rows = fleets.map((key, i) => ({key, ...rates(4000 - 300 * i, 900 - 200 * i), records: records(600 - 120 * i), top_cause: {id: "g_abc00000", title: "Invalid token", count: 300 - 40 * i}, first_seen: at(START + i * HOUR), last_seen: at(START + 90 * HOUR), ...(i === 3 && {recovered_at: at(START + 95 * HOUR)})}));
  return answer({...base, by: ["fleet_ref"], totals, rows, other: {rows: 12, operations: 800, failed: 7}, coverage});
}

export const byCause = () => answer({...base, by: ["cause"], totals, rows: [{key: {id: "g_abc00000", title: "Invalid token"}, ...rates(400, 90), records: records(60)}], coverage});

export const toldInShort = () => summary(3, {
  notice: [{text: "samsara fails three times as often as before.", evidence: "93 of 310, 31 of 312"}],
  more: [{id: "g_0000000a", source_name: "geotab", error_type: "tsp", status_code: 503, title: "Service Unavailable", count: 12, unresolved: 7, last_seen: at(START + 50 * HOUR)}],
  other: {groups: 3, count: 5},
});

export const halfCompared = () => answer({
  ...base, verdict: "About the same: 5 of 90 operations failed.", baseline: {from_datetime: at(START - 24 * HOUR), to_datetime: at(START)}, totals: {window: rates(90, 5), baseline: rates(80, 5)}, groups: [], other: {groups: 0, count: 0},
  coverage: {window: {complete: true, scanned: 90}, baseline: {complete: false, scanned: 80}},
});

// One record: created, updated, and wrong since a third write.
export const record = () => answer({
  ...base, record: {resource: "vehicle", source_name: "geotab", fleet_ref: "northwind-haulage", source_id: "17", connection_id: "01a0b859-c29f-74c8-8eee-fa7aa8948c89"}, state: "out_of_sync", complete: true,
  head: {writes: 3, failed: 1, last_success: at(START + 34 * HOUR)},
  story: [
    {operation_id: "01a20903-1393-7e8f-a36a-0504d455a85f", created_at: at(START + 10 * HOUR), operation_type: "create", status: "success", attempts: 1, changed: []},
    {operation_id: "01a20903-1393-7e8f-a36a-0504d455a85e", created_at: at(START + 34 * HOUR), operation_type: "update", status: "success", attempts: 2, changed: ["name"]},
    {operation_id: "01a20903-1393-7e8f-a36a-0504d455a85d", created_at: at(START + 34 * HOUR + 300_000), operation_type: "update", status: "failed", attempts: 3, changed: ["vin"], error: {error_type: "validation", status_code: 400, message: "vin is not valid", group: "g_abc00000"}},
  ],
  changes: [{field: "vin", change: "changed"}],
});

const EVIL = [
  `<img src="https://evil.example/x.png" onerror="globalThis.pwned = 1"><script>globalThis.pwned = 1</script>`,
  `\u202egnp.exe\u202c \u2066turned\u2069 \u200bhidden\u0007 \u001b[31mred`, `Z${"\u0301\u0302\u0303".repeat(200)}algo`, "very-long-".repeat(4000), `"}; javascript:alert(1) {{7*7}} \${7*7} </script><style>*{display:none}</style>`,
];
const evil = value => typeof value === "string" ? EVIL[value.length % EVIL.length] : Array.isArray(value) ? value.map(evil) : value && typeof value === "object" ? Object.fromEntries(Object.entries(value).map(([name, one]) => [name, evil(one)])) : value;

// Every text of a summary is hostile, ids and times too; and the names of its resources.
export function hostile() {
  const {structuredContent: told, _meta} = summary(6);
  told.groups[0].affected.resources = {[EVIL[0]]: 3, __proto__: 4, constructor: 5};
  return {content: [{type: "text", text: EVIL[0]}], structuredContent: {...evil(told), window}, _meta};
}

// A server of another day: fields missing, null, of other types, and new.
export function odd() {
  const told = {totals: {operations: 5, failed: 3}, groups: [{}, {id: 7, title: null, count: "many", outcome: null, varies: "no", owner: "somebody", trend: "wobbling", affected: 3, brand_new: {deep: [1]}}], timeline: {buckets: [{start: "never"}, {}]}, pending: {count: 2}, notice: [{text: "three new causes", evidence: "g_abc00000"}, 5, null], weather: "rain"};
  return answer(told);
}

export const text = "502 of 3,443 operations failed (14.6 %), 20 causes.\n<b>not markup</b>";
export const textOnly = {content: [{type: "text", text}]};
export const failed = {isError: true, content: [{type: "text", text: "The API refused the credentials (401). Check CATENA_CLIENT_ID and CATENA_CLIENT_SECRET."}]};
