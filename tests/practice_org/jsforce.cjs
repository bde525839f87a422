// Asks an org what jsforce can ask, and prints the answers: node jsforce.cjs ORIGIN TOKEN
const jsforce = require(`${process.env.NODE_MODULES}/@jsforce/jsforce-node`);

async function main([instanceUrl, accessToken]) {
  const org = new jsforce.Connection({ instanceUrl, accessToken, version: "66.0" });
  const accounts = org.sobject("Account");
  const { records } = await org.query("SELECT Id FROM Account ORDER BY Name");
  const found = await accounts.find({ Name: { $like: "Account 1%" } }, "Id, Name").sort("Name").limit(2).execute();
  const span = [new Date(Date.now() - 86400000), new Date(Date.now() + 60000)];
  const bulk = await org.bulk2.query("SELECT Id, Name FROM Account");
  console.log(
    JSON.stringify({
      identity: (await org.identity()).username,
      rows: records.length,
      found: found.map((record) => record.Name),
      counted: await accounts.count({ Industry: "Media" }),
      fields: (await accounts.describe()).fields.length,
      objects: (await org.describeGlobal()).sobjects.length,
      one: (await accounts.retrieve(records[0].Id)).Name,
      updated: (await accounts.updated(...span)).ids.length,
      deleted: (await accounts.deleted(...span)).deletedRecords.length,
      recent: (await org.recent())[0].Name,
      limits: Object.keys(await org.limits()).length,
      searched: (await org.search("FIND {Account 2}")).searchRecords.length,
      entities: (await org.tooling.query("SELECT Id FROM EntityDefinition LIMIT 3")).records.length,
      bulk: (await bulk.toArray()).length,
      usage: org.limitInfo.apiUsage.limit,
    }),
  );
}

main(process.argv.slice(2));
