// Asks through the vendor's own client, at AUTOSEND_BASE_URL, and prints what it answers as JSON.
const { Autosend } = require(process.env.AUTOSENDJS);

async function main() {
  const client = new Autosend(process.env.AUTOSEND_KEY, { maxRetries: 1 });
  const wrong = new Autosend("AS_wrong", { maxRetries: 1 });
  const from = { email: "team@sender.test" };
  const told = {};
  told.created = await client.contacts.create({ email: "Kim@example.com", firstName: "Kim", customFields: { plan: "pro" } });
  const id = told.created.data.id;
  told.seen = await client.contacts.get(id);
  told.changed = await client.contacts.upsert({ email: "kim@example.com", lastName: "Lee" });
  told.sent = await client.emails.send({ from, to: { email: "lee@example.com" }, subject: "Hi {{name}}", html: "<p>{{name}}</p>", dynamicData: { name: "Lee" } });
  told.bulk = await client.emails.bulk({ from, subject: "s", text: "t", recipients: [{ email: "a@example.com" }, { email: "b@example.com" }] });
  told.unknown = await client.emails.send({ from: { email: "x@elsewhere.test" }, to: { email: "lee@example.com" }, subject: "s", text: "t" });
  told.deleted = await client.contacts.delete(id);
  told.gone = await client.contacts.get(id);
  told.refused = await wrong.contacts.get(id);
  told.inbox = await client.inboundEmails.list();
  process.stdout.write(JSON.stringify(told));
}

main();
