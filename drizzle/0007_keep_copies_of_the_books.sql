CREATE TABLE "broker_books" (
	"account_id" text NOT NULL,
	"day" date NOT NULL,
	"mark" text NOT NULL,
	"read_at" timestamp (3) with time zone NOT NULL,
	"fault" text,
	"orders" jsonb NOT NULL,
	"trades" jsonb NOT NULL,
	CONSTRAINT "broker_books_pk" PRIMARY KEY("account_id","day","mark"),
	CONSTRAINT "book_mark_is_a_time" CHECK ("broker_books"."mark" ~ '^[0-2][0-9]:[0-5][0-9]$')
);
