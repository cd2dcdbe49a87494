// Works against one base with the official client and prints what it saw as one JSON document.
// Arguments: path of the installed package, endpoint, token, base id, table name.
"use strict";

const [, , packagePath, endpointUrl, apiKey, baseId, tableName] = process.argv;
const Airtable = require(packagePath);
const base = new Airtable({ endpointUrl, apiKey, requestTimeout: 20000 }).base(baseId);
const table = base(tableName);

async function refused(work) {
  try {
    await work();
    return null;
  } catch (error) {
    return { error: error.error, statusCode: error.statusCode, message: error.message };
  }
}

async function main() {
  const seen = {};
  const all = await table.select({ pageSize: 100, fields: ["Name", "Count"], sort: [{ field: "Count", direction: "desc" }] }).all();
  seen.count = all.length;
  seen.first = all[0].fields;
  seen.distinct = new Set(all.map((record) => record.id)).size;

  const terms = all.map((record) => `RECORD_ID()='${record.id}'`);
  const long = await table.select({ filterByFormula: `OR(${terms.slice(0, 600).join(",")})` }).all();
  seen.long = long.length;
  seen.some = (await table.select({ filterByFormula: "AND({Count} > 10, {Count} <= 12)", maxRecords: 5 }).all()).map((record) => record.get("Count"));

  const created = await table.create([{ fields: { Name: "one", Status: "Doing" } }, { fields: { Name: "two" } }]);
  seen.created = created.map((record) => record.fields);
  const single = await table.create({ Name: "three", Count: 3 });
  seen.single = single.fields;
  const updated = await table.update([{ id: created[0].id, fields: { Status: null, Count: 7 } }]);
  seen.updated = updated[0].fields;
  seen.replaced = (await table.replace(created[1].id, { Name: "only" })).fields;
  const records = [{ fields: { Name: "three", Count: 33 } }, { fields: { Name: "four" } }];
  const body = { performUpsert: { fieldsToMergeOn: ["Name"] }, records };
  const upserted = (await base.makeRequest({ method: "PATCH", path: `/${encodeURIComponent(tableName)}`, body })).body;
  seen.upserted = { created: upserted.createdRecords.length, updated: upserted.updatedRecords };
  seen.singleId = single.id;
  seen.found = (await table.find(single.id)).fields;
  seen.deleted = (await table.destroy([created[0].id, created[1].id])).map((record) => record.id).length;
  seen.deletedOne = (await table.destroy(single.id)).id === single.id;

  seen.choice = await refused(() => table.update(all[0].id, { Status: "Never heard of" }));
  seen.field = await refused(() => table.update(all[0].id, { Nothing: 1 }));
  seen.gone = await refused(() => table.find(single.id));
  seen.formula = await refused(() => table.select({ filterByFormula: "AND(" }).all());
  seen.eleven = await refused(() => table.create(Array.from({ length: 11 }, () => ({ fields: {} }))));
  console.log(JSON.stringify(seen));
}

main().catch((error) => {
  console.error(error);
  process.exit(1);
});
