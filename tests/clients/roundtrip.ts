// Scores three customers of whom one fails, reads a problem, lists models: all by the typed client.
import createClient from "openapi-fetch";
import type { components, paths } from "./schema.d.ts";

declare const process: { argv: string[] };

const client = createClient<paths>({ baseUrl: process.argv[2]! });

type Line = components["schemas"]["Transaction"];

const line: Line = { order_id: "1", ordered_at: "2026-05-01T00:00:00Z", amount: 9, currency: "EUR" };

const scored = await client.POST("/v1/scores", {
  body: {
    as_of: "2026-06-01T00:00:00Z",
    records: [
      { record_id: "a", customer_id: "C-1", transactions: [line] },
      { customer_id: "C-2", attributes: [{ name: "region", text: "north" }] },
      { customer_id: "C-3", transactions: [line, { ...line, order_id: "2", currency: "USD" }] },
    ],
  },
});
if (scored.data === undefined) throw new Error(scored.error.detail);
const results: components["schemas"]["Result"][] = scored.data.results;
const churn: number | undefined = results[0]?.churn?.probability;

const refused = await client.POST("/v1/scores", { body: { records: [] } });
if (refused.error === undefined) throw new Error("no records were scored");
const problem: components["schemas"]["Problem"] = refused.error;

const listed = await client.GET("/v1/models");
if (listed.data === undefined) throw new Error(listed.error.detail);
const unknown = await client.GET("/v1/models/{target}", { params: { path: { target: "weather" } } });

const predicted = await client.POST("/v1/compat/{target}/invocations", {
  params: { path: { target: "next_purchase" } },
  body: { dataframe_records: [{ days_since_order: 5, orders_90d: 2 }] },
});

console.log(
  JSON.stringify({
    succeeded: scored.data.summary.succeeded,
    statuses: results.map((result) => result.status),
    error: results[2]?.error?.code,
    churn,
    problem: problem.errors?.[0]?.pointer,
    models: listed.data.models.map((model) => model.target),
    unknown: unknown.error?.code,
    predictions: predicted.data?.predictions.length,
  }),
);
