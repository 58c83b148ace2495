// `Intl.DateTimeFormat` for en-US in UTC, which is the guest's time zone.
(function (internals) {
  "use strict";

  const { LOCALE, canonical, choice, optionsOf, whole } = internals.intl;
  const KIND = "DateTimeFormat";

  const MONTHS = [
    "January", "February", "March", "April", "May", "June", "July", "August", "September", "October",
    "November", "December",
  ];
  const DAYS = ["Sunday", "Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday"];
  const ERAS = { short: ["BC", "AD"], long: ["Before Christ", "Anno Domini"], narrow: ["B", "A"] };
  const ZONES = {
    __proto__: null,
    short: "UTC",
    long: "Coordinated Universal Time",
    shortOffset: "GMT+0",
    longOffset: "GMT+00:00",
    shortGeneric: "GMT+0",
    longGeneric: "GMT+00:00",
  };

  const NAMES = ["narrow", "short", "long"];
  const NUMBERS = ["2-digit", "numeric"];
  const FIELDS = {
    __proto__: null,
    weekday: NAMES,
    era: NAMES,
    year: NUMBERS,
    month: [...NUMBERS, ...NAMES],
    day: NUMBERS,
    hour: NUMBERS,
    minute: NUMBERS,
    second: NUMBERS,
  };
  const OF_DATE = ["weekday", "year", "month", "day"];
  const OF_TIME = ["hour", "minute", "second", "fractionalSecondDigits"];
  const STYLES = ["full", "long", "medium", "short"];

  const DATE_STYLES = {
    __proto__: null,
    full: { weekday: "long", year: "numeric", month: "long", day: "numeric" },
    long: { year: "numeric", month: "long", day: "numeric" },
    medium: { year: "numeric", month: "short", day: "numeric" },
    short: { year: "2-digit", month: "numeric", day: "numeric" },
  };
  const TIME_STYLES = {
    __proto__: null,
    full: { hour: "numeric", minute: "2-digit", second: "2-digit", timeZoneName: "long" },
    long: { hour: "numeric", minute: "2-digit", second: "2-digit", timeZoneName: "short" },
    medium: { hour: "numeric", minute: "2-digit", second: "2-digit" },
    short: { hour: "numeric", minute: "2-digit" },
  };

  const zone = (wanted) => {
    const known = /^(?:(?:etc\/)?(?:utc|gmt|uct|zulu|universal|greenwich|gmt[+-]?0)|gmt0)$/i;
    if (wanted === undefined || known.test(`${wanted}`)) return "UTC";
    throw new RangeError(`timeZone "${wanted}" is not known here: programs have "UTC", which is also their own`);
  };

  const pad = (number, digits) => `${number}`.padStart(digits, "0");

  class DateTimeFormat {
    #fields;
    #shown;
    #glue;
    #format;

    // `required` and `usual` say which fields are added when none is asked for.
    constructor(locales, options, required = "any", usual = "date") {
      canonical(locales);
      options = optionsOf(options);
      const { hour12 } = options;
      let hourCycle = choice(options, "hourCycle", ["h11", "h12", "h23", "h24"], undefined, KIND);
      if (hour12 !== undefined) hourCycle = hour12 ? "h12" : "h24";
      const timeZone = zone(options.timeZone);
      if (options.dayPeriod !== undefined) throw new RangeError("dayPeriod is not known here: use hour12");
      let fields = {};
      for (const name of Object.keys(FIELDS)) {
        const value = choice(options, name, FIELDS[name], undefined, KIND);
        if (value !== undefined) fields[name] = value;
      }
      const fraction = whole(options, "fractionalSecondDigits", 1, 3, undefined);
      if (fraction !== undefined) fields.fractionalSecondDigits = fraction;
      const zoneName = choice(options, "timeZoneName", Object.keys(ZONES), undefined, KIND);
      if (zoneName !== undefined) fields.timeZoneName = zoneName;
      const dateStyle = choice(options, "dateStyle", STYLES, undefined, KIND);
      const timeStyle = choice(options, "timeStyle", STYLES, undefined, KIND);
      const styled = dateStyle !== undefined || timeStyle !== undefined;
      if (styled) {
        const [field] = Object.keys(fields);
        if (field !== undefined) {
          const style = dateStyle !== undefined ? "dateStyle" : "timeStyle";
          throw new TypeError(`Can't set option ${field} when ${style} is used`);
        }
        if (required === "date" && timeStyle !== undefined) throw new TypeError("Invalid option : timeStyle");
        if (required === "time" && dateStyle !== undefined) throw new TypeError("Invalid option : dateStyle");
        fields = { ...DATE_STYLES[dateStyle], ...TIME_STYLES[timeStyle] };
      } else {
        const wanted = required === "any" ? [...OF_DATE, ...OF_TIME] : required === "date" ? OF_DATE : OF_TIME;
        if (!wanted.some((name) => name in fields)) {
          if (usual !== "time") fields = { ...fields, year: "numeric", month: "numeric", day: "numeric" };
          if (usual !== "date") fields = { ...fields, hour: "numeric", minute: "numeric", second: "numeric" };
        }
      }
      const hasHour = fields.hour !== undefined;
      hourCycle ??= "h12";
      const is12 = hourCycle === "h12" || hourCycle === "h11";
      // As the patterns have them, whatever was asked for.
      if (hasHour && !is12) fields.hour = "2-digit";
      if (fields.minute !== undefined) {
        fields.minute = hasHour || fields.second !== undefined ? "2-digit" : "numeric";
      }
      if (fields.second !== undefined) fields.second = fields.minute !== undefined ? "2-digit" : "numeric";
      this.#fields = { ...fields, hourCycle };
      const isLong = dateStyle === undefined ? fields.month === "long" : dateStyle === "full" || dateStyle === "long";
      this.#glue = isLong ? " at " : ", ";
      this.#shown = {
        locale: LOCALE,
        calendar: "gregory",
        numberingSystem: "latn",
        timeZone,
        ...(hasHour && { hourCycle, hour12: is12 }),
      };
      if (styled) {
        if (dateStyle !== undefined) this.#shown.dateStyle = dateStyle;
        if (timeStyle !== undefined) this.#shown.timeStyle = timeStyle;
      } else {
        for (const name of [...Object.keys(FIELDS), "fractionalSecondDigits", "timeZoneName"]) {
          if (fields[name] !== undefined) this.#shown[name] = fields[name];
        }
      }
    }

    get format() {
      return (this.#format ??= (date) => {
        let text = "";
        for (const part of this.formatToParts(date)) text += part.value;
        return text;
      });
    }

    formatToParts(date) {
      const time = date === undefined ? Date.now() : Number(date);
      const at = new Date(time);
      if (Number.isNaN(at.getTime())) throw new RangeError("Invalid time value");
      const parts = [];
      const add = (type, value) => parts.push({ type, value: `${value}` });
      this.#date(at, add);
      const { weekday, day, hour, timeZoneName } = this.#fields;
      const onlyWeekday = parts.length === 1 && weekday !== undefined && day === undefined;
      const dateParts = parts.length;
      const glue = () => {
        if (dateParts > 0 && parts.length === dateParts) add("literal", onlyWeekday && hour ? " " : this.#glue);
      };
      this.#time(at, (type, value) => {
        glue();
        add(type, value);
      });
      if (timeZoneName !== undefined) {
        if (parts.length > dateParts) add("literal", " ");
        glue();
        add("timeZoneName", ZONES[timeZoneName]);
      }
      return parts;
    }

    #date(at, add) {
      const { weekday, era, year, month, day } = this.#fields;
      const show = {
        weekday: () => {
          const name = DAYS[at.getUTCDay()];
          add("weekday", weekday === "long" ? name : name.slice(0, weekday === "short" ? 3 : 1));
        },
        year: () => {
          const full = at.getUTCFullYear();
          const ofEra = full > 0 ? full : 1 - full;
          add("year", year === "2-digit" ? pad(ofEra % 100, 2) : ofEra);
        },
        month: () => {
          const index = at.getUTCMonth();
          if (month === "numeric") add("month", index + 1);
          else if (month === "2-digit") add("month", pad(index + 1, 2));
          else add("month", month === "long" ? MONTHS[index] : MONTHS[index].slice(0, month === "short" ? 3 : 1));
        },
        day: () => add("day", day === "2-digit" ? pad(at.getUTCDate(), 2) : at.getUTCDate()),
        era: () => add("era", ERAS[era][at.getUTCFullYear() > 0 ? 1 : 0]),
      };
      const literal = (value) => add("literal", value);
      if (weekday && month && day) {
        show.weekday();
        literal(", ");
      }
      const isText = month !== undefined && NAMES.includes(month);
      if (month) show.month();
      if (day && (month || weekday || !year)) {
        if (month) literal(isText ? " " : "/");
        show.day();
      }
      if (weekday && !month && day) {
        literal(" ");
        show.weekday();
      }
      if (year) {
        if (month) literal(!isText ? "/" : day ? ", " : " ");
        else if (day && weekday) literal(" ");
        show.year();
      }
      if (era) {
        if (month || day || year) literal(" ");
        show.era();
      }
      if (day && !month && !weekday && year) {
        literal(" (day: ");
        show.day();
        literal(")");
      }
      if (weekday && !day) {
        if (month || year || era) literal(" ");
        show.weekday();
      }
    }

    #time(at, add) {
      const { hour, minute, second, fractionalSecondDigits, hourCycle } = this.#fields;
      const literal = (value) => add("literal", value);
      const hours = at.getUTCHours();
      const is12 = hourCycle === "h12" || hourCycle === "h11";
      if (hour) {
        let shown = is12 ? hours % 12 : hours;
        if (shown === 0 && hourCycle === "h12") shown = 12;
        if (shown === 0 && hourCycle === "h24") shown = 24;
        add("hour", hour === "2-digit" ? pad(shown, 2) : shown);
      }
      if (minute) {
        if (hour) literal(":");
        add("minute", minute === "2-digit" ? pad(at.getUTCMinutes(), 2) : at.getUTCMinutes());
      }
      const seconds = () => {
        add("second", second === "2-digit" ? pad(at.getUTCSeconds(), 2) : at.getUTCSeconds());
      };
      const alone = hour && !minute && second;
      if (second && !alone) {
        if (minute) literal(":");
        seconds();
      }
      if (fractionalSecondDigits) {
        if (second) literal(".");
        add("fractionalSecond", pad(at.getUTCMilliseconds(), 3).slice(0, fractionalSecondDigits));
      }
      if (hour && is12) {
        literal(" ");
        add("dayPeriod", hours < 12 ? "AM" : "PM");
      }
      if (alone) {
        literal(" (second: ");
        seconds();
        literal(")");
      }
    }

    resolvedOptions() {
      return { ...this.#shown };
    }
  }

  const format = (locales, options, required, usual) => new DateTimeFormat(locales, options, required, usual);

  return { __proto__: null, DateTimeFormat, format };
});
