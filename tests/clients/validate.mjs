// Says whether each document is a sound one: of OpenAPI 3.0 or of Swagger 2.0, by its own word.
import SwaggerParser from "@apidevtools/swagger-parser";

for (const file of process.argv.slice(2)) {
  const document = await SwaggerParser.validate(file);
  console.log(document.openapi ?? document.swagger, Object.keys(document.paths).length);
}
